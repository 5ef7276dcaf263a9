"""The body of a request in, a model's inputs as dense tensors out; what does not fit is refused.

JSON, or JSON followed by the bytes of those tensors that say `binary_data_size` (the protocol's
binary tensor data extension).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy

from wasm_torch_web.engine.inputs import from_numbers
from wasm_torch_web.engine.records import SPECIAL
from wasm_torch_web.errors import UserError, summary
from wasm_torch_web.serving.api.batching import Array
from wasm_torch_web.serving.api.models import BYTES, Served, Tensor
from wasm_torch_web.serving.api.settings import MAX_JSON_BYTES

MOST_RANK = 9  # a program's 8, and the two parts of complex numbers
MOST_TEXT = 200  # characters of a request that a message repeats


@dataclass(frozen=True)
class Wanted:
    """An output that the client asks for."""

    name: str
    binary: bool


@dataclass(frozen=True)
class Inference:
    """A request that fits its model."""

    id: str | None
    inputs: list[Array]
    outputs: list[Wanted]


def parsed(body: bytes, json_bytes: int | None, model: Served) -> Inference:
    """`json_bytes` is what the header Inference-Header-Content-Length says.

    Raises UserError request-invalid, body-too-large, input-missing, -unknown, -dtype, -shape,
    -size, size-out-of-range, output-unknown.
    """
    length = len(body) if json_bytes is None else json_bytes
    if length > len(body):
        raise invalid(
            f"Inference-Header-Content-Length is {length}, the body has {len(body)} bytes"
        )
    if length > MAX_JSON_BYTES:
        raise UserError("body-too-large", limit=f"{MAX_JSON_BYTES} bytes of JSON")
    document = _document(body[:length])
    inputs = _inputs(document, memoryview(body)[length:], model)
    identifier = document.get("id")
    if identifier is not None and not isinstance(identifier, str):
        raise invalid("id is no text")
    return Inference(identifier, inputs, _wanted(document, model))


def invalid(reason: str) -> UserError:
    """A request that is not what the protocol says."""
    return UserError("request-invalid", reason=reason)


def _document(text: bytes) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise invalid(f"not JSON: {summary(error)[:MOST_TEXT]}") from error
    if not isinstance(document, dict):
        raise invalid("not a JSON object")
    return document


def _inputs(document: Mapping[str, Any], rest: memoryview, model: Served) -> list[Array]:
    known = {tensor.name: tensor for tensor in model.inputs}
    names = ", ".join(known) or "none"
    found: dict[str, Array] = {}
    for entry in _entries(document, "inputs"):
        name = entry["name"]
        if name not in known:
            raise UserError("input-unknown", name=name[:MOST_TEXT], inputs=names)
        if name in found:
            raise invalid(f"input {name} is given twice")
        size = _parameters(entry).get("binary_data_size")
        if size is None:
            found[name] = _of_json(known[name], entry, model)
            continue
        if not _is_count(size) or size > len(rest):
            raise invalid(
                f"input {name}: binary_data_size does not fit the body's {len(rest)} bytes"
            )
        found[name] = _of_bytes(known[name], entry, rest[:size], model)
        rest = rest[size:]
    if len(rest):
        raise invalid(f"{len(rest)} bytes of the body belong to no input")
    for name in known:
        if name not in found:
            raise UserError("input-missing", name=name, inputs=names)
    return [found[name] for name in known]


def _entries(document: Mapping[str, Any], side: str) -> list[dict[str, Any]]:
    entries = document.get(side, [])
    if not isinstance(entries, list):
        raise invalid(f"{side} is no list")
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise invalid(f"an entry of {side} has no name")
    return entries


def _parameters(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = entry.get("parameters", {})
    if not isinstance(parameters, dict):
        raise invalid("parameters is no object")
    for name in parameters:
        if name.startswith("shared_memory"):
            raise invalid("shared memory is not offered")
    return parameters


def _of_json(tensor: Tensor, entry: Mapping[str, Any], model: Served) -> Array:
    shape = _shape(tensor, entry, model)
    values = _flat(tensor, entry.get("data"))
    if len(values) != math.prod(shape):
        raise _misfit(tensor, shape, len(values))
    dtype = {"FP16": "float16", "FP32": "float32", "FP64": "float64"}.get(
        tensor.datatype, tensor.dtype
    )
    try:
        array = from_numbers(values, dtype)
    except (ValueError, TypeError, OverflowError) as error:
        given = summary(error)[:MOST_TEXT]
        raise UserError(
            "input-dtype", name=tensor.name, given=given, expected=tensor.datatype
        ) from error
    return Array(tensor.name, tensor.dtype, shape, array.tobytes(), tensor.number)


def _of_bytes(
    tensor: Tensor, entry: Mapping[str, Any], content: memoryview, model: Served
) -> Array:
    if "data" in entry:
        raise invalid(f"input {tensor.name} has both data and binary_data_size")
    shape = _shape(tensor, entry, model)
    needed = BYTES[tensor.datatype] * math.prod(shape)
    if len(content) != needed:
        raise _misfit(tensor, shape, len(content) / BYTES[tensor.datatype])
    if tensor.datatype == "BOOL" and needed and numpy.frombuffer(content, numpy.uint8).max() > 1:
        raise UserError(
            "input-dtype", name=tensor.name, given="bytes other than 0 and 1", expected="BOOL"
        )
    return Array(tensor.name, tensor.dtype, shape, content, tensor.number)


def _misfit(tensor: Tensor, shape: Sequence[int], given: float) -> UserError:
    expected = math.prod(shape)
    return UserError(
        "input-size", name=tensor.name, given=f"{given:g}", shape=list(shape), expected=expected
    )


def _flat(tensor: Tensor, data: Any) -> list[Any]:
    """Nested or flat lists of numbers, in row-major order."""
    if not isinstance(data, list):
        raise invalid(f"input {tensor.name} has no list of data")
    for _ in range(MOST_RANK):
        kinds = set(map(type, data))
        if kinds != {list}:
            break
        data = list(chain.from_iterable(data))
    if str in kinds and kinds <= {str, float, int}:
        data = [SPECIAL.get(value, value) if type(value) is str else value for value in data]
        kinds = set(map(type, data))
    if not kinds <= {bool, int, float}:
        raise invalid(f"the data of input {tensor.name} are no numbers")
    numbers: list[Any] = data
    return numbers


def _shape(tensor: Tensor, entry: Mapping[str, Any], model: Served) -> tuple[int, ...]:
    given = entry.get("datatype")
    if given != tensor.datatype:
        name = str(given)[:MOST_TEXT]
        raise UserError("input-dtype", name=tensor.name, given=name, expected=tensor.datatype)
    shape = entry.get("shape")
    if not isinstance(shape, list) or len(shape) > MOST_RANK or not all(map(_is_count, shape)):
        raise invalid(f"input {tensor.name}: shape is no list of sizes")
    fits = len(shape) == len(tensor.shape) and all(
        isinstance(size, str) or size == found
        for size, found in zip(tensor.shape, shape, strict=True)
    )
    if not fits:
        expected = f"[{', '.join(map(str, tensor.shape))}]"
        raise UserError("input-shape", name=tensor.name, given=shape, expected=expected)
    for symbol, found in zip(tensor.shape, shape, strict=True):
        low, high = model.limits.get(str(symbol), (0, found))
        if not low <= found <= high:
            raise UserError("size-out-of-range", symbol=symbol, given=found, min=low, max=high)
    return tuple(shape)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 48


def _wanted(document: Mapping[str, Any], model: Served) -> list[Wanted]:
    """All outputs where none is named."""
    binary = _parameters(document).get("binary_data_output", False) is True
    known = [tensor.name for tensor in model.outputs]
    entries = _entries(document, "outputs")
    for entry in entries:
        if entry["name"] not in known:
            name = entry["name"][:MOST_TEXT]
            raise UserError("output-unknown", name=name, outputs=", ".join(known))
        if _parameters(entry).get("classification"):
            raise invalid("the classification extension is not offered")
    if not entries:
        return [Wanted(name, binary) for name in known]
    return [
        Wanted(entry["name"], _parameters(entry).get("binary_data", binary) is True)
        for entry in entries
    ]
