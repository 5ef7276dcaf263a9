"""What `--calibration` names in, inputs of runs out: files as `run` takes them, or what the user's
own function yields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy
import torch

from wasm_torch_web.engine import files
from wasm_torch_web.engine.inputs import Port, Value, taken
from wasm_torch_web.errors import UserError
from wasm_torch_web.quantize.functions import UserFunction
from wasm_torch_web.verify.golden import tensor_from
from wasm_torch_web.verify.reference import Flat

MOST_RUNS = 256
EXPECTED = "the function takes nothing and gives inputs: arrays, tuples of them, or dicts by name"


def calibration_runs(words: Sequence[str], manifest: Mapping[str, Any]) -> list[Flat]:
    """The first MOST_RUNS of them, as the package of this manifest takes them; none of none.

    Raises UserError calibration-empty, function-failed, and what `run` raises for inputs.
    """
    found = list(islice(_given(words, manifest), MOST_RUNS))
    ports = manifest["programs"]["forward"]["inputs"]
    runs = [_flat(ports, one) for one in found]
    if words and not runs:
        raise UserError("calibration-empty", given=" ".join(words))
    return runs


def _given(words: Sequence[str], manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    ports = files.ports_of(manifest, "inputs")
    for word in words:
        path = Path(word)
        if not path.exists() and ":" in word:
            function = UserFunction("--calibration", word, EXPECTED)
            yield from (_by_name(function, one, [*ports]) for one in function.iterated())
        elif files.is_batch(path):
            yield from (item.inputs(ports) for item in files.items(path, ports))
        else:
            yield files.read(path, ports)


def _by_name(function: UserFunction, given: Any, names: Sequence[str]) -> dict[str, Any]:
    """One run's inputs: a dict by name, or values in the program's order."""
    if isinstance(given, Mapping):
        return dict(given)
    values = given if isinstance(given, tuple) else (given,)
    if len(values) != len(names):
        reason = f"it gave {len(values)} inputs, and the model has {len(names)}"
        raise function.failed(reason)
    return dict(zip(names, values, strict=True))


def _flat(ports: list[dict[str, Any]], given: Mapping[str, Any]) -> Flat:
    values = zip(ports, taken(ports, given), strict=True)
    return {port["name"]: as_tensor(port, value) for port, value in values}


def as_tensor(port: Port, value: Value) -> torch.Tensor | float:
    """An input or output of the engine as PyTorch has it."""
    if isinstance(value, numpy.ndarray):
        shape = value.shape[:-1] if port["dtype"] == "complex32" else value.shape
        return tensor_from(value.tobytes(), port["dtype"], shape)
    return bool(value) if port["kind"] == "bool" else value
