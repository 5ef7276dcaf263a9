"""Outputs in, the body of an answer out: JSON, and bytes behind it where the client wants those."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy
from numpy.typing import NDArray

from wasm_torch_web.engine.files import NAMES
from wasm_torch_web.engine.records import NUMPY, of_bfloat16
from wasm_torch_web.serving.api.batching import Array
from wasm_torch_web.serving.api.models import DATATYPES, Served
from wasm_torch_web.serving.api.requests import Inference


def body(model: Served, inference: Inference, outputs: Sequence[Array]) -> tuple[bytes, int | None]:
    """The bytes, and how many of them are JSON where others follow."""
    found = {array.name: array for array in outputs}
    blocks = []
    entries = []
    for wanted in inference.outputs:
        array = found[wanted.name]
        entry: dict[str, Any] = {
            "name": array.name,
            "datatype": DATATYPES[array.dtype][0],
            "shape": array.shape,
        }
        if wanted.binary:
            entry["parameters"] = {"binary_data_size": len(array.content)}
            blocks.append(array.content)
        else:
            entry["data"] = _numbers(array)
        entries.append(entry)
    document: dict[str, Any] = {"model_name": model.name, "model_version": model.version}
    if inference.id is not None:
        document["id"] = inference.id
    text = json.dumps({**document, "outputs": entries}, allow_nan=False).encode()
    if not blocks:
        return text, None
    return b"".join([text, *blocks]), len(text)


def _numbers(array: Array) -> list[Any]:
    """JSON has no NaN and no infinity: they are text."""
    values: NDArray[Any] = numpy.frombuffer(array.content, NUMPY[array.dtype].base)
    if array.dtype == "bfloat16":
        values = of_bfloat16(values)
    elif values.dtype.kind == "c":
        values = values.view(values.real.dtype)
    numbers: list[Any] = values.tolist()
    if values.dtype.kind != "f" or numpy.isfinite(values).all():
        return numbers
    return [one if one - one == 0 else NAMES.get(one, "nan") for one in numbers]
