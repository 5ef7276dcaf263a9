"""What a user hands over as an input, as the array or number that the program takes."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy
from numpy.typing import NDArray

from wasm_torch_web.engine import images, sounds
from wasm_torch_web.engine.invalid import OnInvalid, not_finite
from wasm_torch_web.engine.records import NUMPY, bfloat16_bits
from wasm_torch_web.engine.sounds import Sound
from wasm_torch_web.errors import UserError, summary

Port = Mapping[str, Any]  # of the manifest
# NumPy's kinds of plain numbers that a kind of dtype holds.
TAKEN = {"b": "b", "i": "bi", "u": "bi", "f": "bif", "c": "bifc"}
Value = NDArray[Any] | int | float


def taken(
    ports: list[dict[str, Any]], given: Mapping[str, Any], on_invalid: OnInvalid = "allow"
) -> list[Value]:
    """In the order of the program. Arrays are dense; of the caller's own memory where they can be.

    Raises UserError input-missing, -unknown, -dtype, -shape, -scalar, -unreadable; -not-finite
    where `on_invalid` says so.
    """
    names = [port["name"] for port in ports]
    known = ", ".join(names) or "none"
    for name in given:
        if name not in names:
            raise UserError("input-unknown", name=name, inputs=known)
    for name in names:
        if given.get(name) is None:
            raise UserError("input-missing", name=name, inputs=known)
    values = [
        _array(port, given[name]) if port["kind"] == "tensor" else _number(port, given[name])
        for name, port in zip(names, ports, strict=True)
    ]
    if on_invalid == "error":
        refusal = not_finite("input-not-finite", ports, dict(zip(names, values, strict=True)))
        if refusal is not None:
            raise refusal
    return values


def _array(port: Port, value: Any) -> NDArray[Any]:
    array = _as_array(port, value)
    shape = array.shape[:-1] if port["dtype"] == "complex32" else array.shape
    expected = port["shape"]
    fits = len(shape) == len(expected) and all(
        isinstance(size, str) or size == found for size, found in zip(expected, shape, strict=True)
    )
    if not fits:
        text = f"[{', '.join(map(str, expected))}]"
        raise UserError("input-shape", name=port["name"], given=list(shape), expected=text)
    return numpy.ascontiguousarray(array).reshape(array.shape)  # which keeps 0-d arrays


def _as_array(port: Port, value: Any) -> NDArray[Any]:
    """An array of the port's dtype. Plain numbers are converted; arrays and tensors must have it,
    or one all of whose numbers it holds."""
    wanted = NUMPY[port["dtype"]].base
    value = _prepared(port, value)
    if type(value).__module__.partition(".")[0] == "torch":
        value = _of_tensor(port, value)
    elif not hasattr(value, "dtype"):
        try:
            return from_numbers(value, port["dtype"])
        except (ValueError, TypeError, OverflowError) as error:
            raise _wrong(port, summary(error)) from error
    array = numpy.asarray(value)
    if array.dtype == wanted:
        return array
    if port["dtype"] != "bfloat16" and numpy.can_cast(array.dtype, wanted, "safe"):
        return array.astype(wanted)
    raise _wrong(port, str(array.dtype))


def _prepared(port: Port, value: Any) -> Any:
    """Of pictures and sounds what the package's settings make of them; all else as it is."""
    if isinstance(value, Sound):
        _check_kind(port, "audio")
        return sounds.array_of(port, value)
    if images.are_pictures(value):
        _check_kind(port, "image")
        return images.array_of(port, value if isinstance(value, list) else [value])
    return value


def _check_kind(port: Port, kind: str) -> None:
    if port.get("preprocess", {}).get("kind") != kind:
        reason = f"the package was not built with --preprocess {kind}"
        allowed = f"{port['dtype']} [{', '.join(map(str, port['shape']))}]"
        raise UserError("input-unreadable", name=port["name"], reason=reason, allowed=allowed)


def from_numbers(value: Any, dtype: str) -> NDArray[Any]:
    """Nested lists of numbers as an array; floats are rounded to the dtype.

    Raises ValueError, TypeError or OverflowError where they are none of that dtype.
    """
    array, wanted = numpy.asarray(value), NUMPY[dtype].base
    if array.size == 0:
        return array.astype(wanted)
    if dtype == "bfloat16" and array.dtype.kind in "bif":
        return bfloat16_bits(array.astype("<f4"))
    if array.dtype.kind not in TAKEN[wanted.kind]:
        raise ValueError(f"numbers of dtype {array.dtype}")
    if wanted.kind in "iu" and array.dtype.kind != "b":
        limits = numpy.iinfo(wanted)
        if array.min() < limits.min or array.max() > limits.max:
            raise ValueError(f"numbers beyond {limits.min} to {limits.max}")
    return array.astype(wanted)


def _of_tensor(port: Port, value: Any) -> NDArray[Any]:
    name = str(value.dtype).removeprefix("torch.")
    if name != port["dtype"] and "complex32" in (name, port["dtype"]):
        raise _wrong(port, name)
    if name == "bfloat16":
        if port["dtype"] != name:
            raise _wrong(port, name)
        import torch

        value = value.view(torch.uint16)
    elif name == "complex32":
        import torch

        value = torch.view_as_real(value.resolve_conj())
    elif port["dtype"] == "bfloat16":
        raise _wrong(port, name)
    array: NDArray[Any] = value.detach().resolve_conj().resolve_neg().cpu().numpy()
    return array


def _wrong(port: Port, given: str) -> UserError:
    return UserError("input-dtype", name=port["name"], given=given, expected=port["dtype"])


def _fits(number: int) -> bool:
    return -(1 << 63) <= number < 1 << 63


def _number(port: Port, value: Any) -> int | float:
    kind = port["kind"]
    if isinstance(value, numpy.ndarray) and value.shape == ():
        value = value[()]
    if kind == "bool" and isinstance(value, (bool, numpy.bool_)):
        return int(value)
    plain = not isinstance(value, (bool, numpy.bool_))
    if kind == "int" and plain and isinstance(value, numbers.Integral) and _fits(int(value)):
        return int(value)
    if kind == "float" and plain and isinstance(value, numbers.Real):
        return float(value)
    raise UserError("input-scalar", name=port["name"], expected=kind, given=repr(value)[:100])
