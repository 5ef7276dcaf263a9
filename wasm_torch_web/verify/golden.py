"""Example inputs and a reference in, golden.bin and its manifest entry out (docs/format.md).

Golden data is what `selfTest()` runs on a user's device: small inputs in full, large ones from the
documented generator, outputs as evenly spaced elements with their maximum and mean.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.format.weights import raw
from wasm_torch_web.ops.table import dtype_name
from wasm_torch_web.verify.compare import compare
from wasm_torch_web.verify.random import Random, bounds
from wasm_torch_web.verify.reference import Flat, Reference

FILE = "golden.bin"
MAX_BYTES = 256 * 1024
MAX_SAMPLES = 4096
ALIGN = 64


@dataclass(frozen=True)
class Case:
    """One run: its inputs (a Random stands for the tensor it gives) and PyTorch's outputs."""

    inputs: Mapping[str, Tensor | Random | float]
    outputs: Flat


def make_cases(manifest: Manifest, examples: Sequence[Flat], reference: Reference) -> list[Case]:
    """A case for each example; inputs that are too large to store are replaced by random ones."""
    room = MAX_BYTES // 2 // len(examples)
    cases = []
    for example in examples:
        inputs = _fit(manifest, example, room)
        cases.append(Case(inputs, reference([run_inputs(inputs)])[0]))
    return cases


def _fit(manifest: Manifest, example: Flat, room: int) -> dict[str, Tensor | Random | float]:
    """The smallest inputs in full, as many as fit into `room` bytes."""
    ranges = {port["name"]: port.get("range") for port in manifest["programs"]["forward"]["inputs"]}
    inputs: dict[str, Tensor | Random | float] = dict(example)
    for seed, name in enumerate(sorted(example, key=lambda name: _bytes(example[name]))):
        value = example[name]
        if isinstance(value, Tensor) and (room := room - _bytes(value) - ALIGN) < 0:
            low, high = bounds(value, ranges[name])
            inputs[name] = Random(tuple(value.shape), value.dtype, seed, low, high)
    return inputs


def run_inputs(inputs: Mapping[str, Tensor | Random | float]) -> Flat:
    """The values themselves."""
    return {
        name: value.tensor() if isinstance(value, Random) else value
        for name, value in inputs.items()
    }


def write(folder: Path, manifest: Manifest, cases: Sequence[Case]) -> None:
    """Writes golden.bin, and the manifest with its entry `golden`."""
    writer = _Writer(_samples(cases))
    entries = [
        {
            "inputs": {name: writer.input(value) for name, value in case.inputs.items()},
            "outputs": {name: writer.output(value) for name, value in case.outputs.items()},
        }
        for case in cases
    ]
    data = writer.data + bytes(manifests.padding(len(writer.data)))
    (folder / FILE).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    manifest["golden"] = {"file": FILE, "bytes": len(data), "sha256": digest, "cases": entries}
    manifests.write(folder, manifest)


def read_inputs(folder: Path, manifest: Manifest, case: int) -> Flat:
    """The inputs of a golden case, as PyTorch takes them. Errors: those of `manifest.content`."""
    data = manifests.content(folder, manifest["golden"])
    entries = manifest["golden"]["cases"][case]["inputs"]
    return {name: _read(data, entry) for name, entry in entries.items()}


def drawn(manifest: Manifest) -> frozenset[str]:
    """Names of the outputs that follow from random numbers."""
    outputs = manifest["programs"]["forward"]["outputs"]
    return frozenset(port["name"] for port in outputs if port.get("drawn"))


def differences(folder: Path, manifest: Manifest, case: int, outputs: Flat) -> list[str]:
    """Names of the outputs that are not those of a golden case, up to the tolerance. What is drawn
    is no other model's for being another number."""
    data = manifests.content(folder, manifest["golden"])
    entries = manifest["golden"]["cases"][case]["outputs"]
    random = drawn(manifest)
    return [
        name
        for name, entry in entries.items()
        if name not in random and _differs(data, entry, outputs.get(name))
    ]


def _differs(data: bytes, entry: dict[str, Any], given: Tensor | float | None) -> bool:
    if given is None:
        return True
    if not isinstance(given, Tensor):
        return not compare("", _read(data, entry), given).passed
    if entry.get("shape") != list(given.shape):
        return True
    sampled = given.reshape(-1)[:: entry.get("every", 1)]
    error = compare("", _read(data, entry | {"shape": list(sampled.shape)}), sampled)
    return not error.passed and error.max_rel > entry.get("tolerance", 0)


class _Writer:
    """Tensors back to back at multiples of ALIGN."""

    def __init__(self, samples: int) -> None:
        self.data = b""
        self.samples = samples

    def input(self, value: Tensor | Random | float) -> dict[str, Any]:
        if isinstance(value, Random):
            spec = {"seed": value.seed, "low": value.low, "high": value.high}
            return {"shape": list(value.shape), "dtype": dtype_name(value.dtype), "random": spec}
        return self._stored(value) if isinstance(value, Tensor) else _number(value)

    def output(self, value: Tensor | float) -> dict[str, Any]:
        if not isinstance(value, Tensor):
            return _number(value)
        every = -(-value.numel() // self.samples)
        if every <= 1:
            return self._stored(value) | _summary(value)
        entry = self._stored(value.reshape(-1)[::every]) | {"every": every} | _summary(value)
        return entry | {"shape": list(value.shape)}

    def _stored(self, value: Tensor) -> dict[str, Any]:
        self.data += bytes(-len(self.data) % ALIGN)
        offset, content = len(self.data), raw(value)
        self.data += content
        entry = {"shape": list(value.shape), "dtype": dtype_name(value.dtype)}
        return entry | {"offset": offset, "bytes": len(content)}


def tensor_from(data: bytes, dtype: str, shape: Sequence[int]) -> Tensor:
    """The tensor whose elements `data` holds."""
    if not data:
        return torch.empty(list(shape), dtype=getattr(torch, dtype))
    return torch.frombuffer(bytearray(data), dtype=getattr(torch, dtype)).reshape(list(shape))


def _read(data: bytes, entry: dict[str, Any]) -> Tensor | float:
    if "value" in entry:
        value = entry["value"]
        return float(value) if isinstance(value, str) else value
    shape, dtype = tuple(entry["shape"]), entry["dtype"]
    if "random" in entry:
        spec = entry["random"]
        return Random(
            shape, getattr(torch, dtype), spec["seed"], spec["low"], spec["high"]
        ).tensor()
    return tensor_from(data[entry["offset"] : entry["offset"] + entry["bytes"]], dtype, shape)


def _samples(cases: Sequence[Case]) -> int:
    """The most elements of one output that leave room for all of them in half the file."""
    samples = MAX_SAMPLES
    tensors = [value for case in cases for value in case.outputs.values()]
    while samples > 1 and sum(_stored_bytes(value, samples) for value in tensors) > MAX_BYTES // 2:
        samples //= 2
    return samples


def _stored_bytes(value: Tensor | float, samples: int) -> int:
    if not isinstance(value, Tensor):
        return 0
    return min(value.numel(), samples) * value.element_size() + ALIGN


def _bytes(value: Tensor | float) -> int:
    return value.numel() * value.element_size() if isinstance(value, Tensor) else 0


def _summary(value: Tensor) -> dict[str, float | None]:
    """Maximum and mean over all finite elements (a complex number counts as two)."""
    reals = torch.view_as_real(value) if value.dtype.is_complex else value
    finite = reals[reals.isfinite()].to(torch.float64)
    if finite.numel() == 0:
        return {"max": None, "mean": None}
    return {"max": float(finite.max()), "mean": float(finite.mean())}


def _number(value: float) -> dict[str, Any]:
    if isinstance(value, float) and not math.isfinite(value):
        return {"value": str(value)}
    return {"value": value}
