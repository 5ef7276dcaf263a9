"""A folder in, the files of a model that no compiler made out: for tests of what comes after."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch

from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.verify import golden

BLOCK = 65536

INPUTS = [{"name": "x", "kind": "tensor", "dtype": "float32", "shape": ["batch", 3]}]
OUTPUTS = [{"name": "output", "kind": "tensor", "dtype": "float32", "shape": ["batch", 2]}]
SYMBOLS = [{"name": "batch", "min": 1, "max": 64}]


def fake_manifest(
    inputs: list[dict[str, Any]] = INPUTS,
    outputs: list[dict[str, Any]] = OUTPUTS,
    symbols: list[dict[str, Any]] = SYMBOLS,
    guards: tuple[str, ...] = (),
    name: str = "fake-model",
) -> Manifest:
    """A manifest that passes the schema, with 100,000 bytes of weights and no golden data."""
    plan, weights = _bytes(5000, 1), _bytes(100_000, 2)
    blocks = [weights[i : i + BLOCK] for i in range(0, len(weights), BLOCK)]
    shard = {"file": "weights-00.bin", "bytes": len(weights), "sha256": [_sha(b) for b in blocks]}
    return {
        "format": manifests.FORMAT,
        "abi": manifests.ABI,
        "name": name,
        "version": "1.2.3",
        "generator": {"name": manifests.GENERATOR, "version": "0.1.0", "torch": "2.13.0"},
        "verified": None,
        "parameters": 25_000,
        "symbols": symbols,
        "programs": {
            "forward": {"inputs": inputs, "outputs": outputs, "guards": list(guards)},
        },
        "plan": {"file": "plan.bin", "bytes": len(plan), "sha256": _sha(plan)},
        "weights": {
            "bytes": len(weights),
            "blockBytes": BLOCK,
            "shards": [shard],
            "tensors": [],
            "prepared": {"bytes": 0, "tensors": []},
        },
        "graph": {"values": [], "nodes": []},
    }


def fake_files(folder: Path) -> None:
    """Writes the plan and the weights of a fake manifest."""
    (folder / "plan.bin").write_bytes(_bytes(5000, 1))
    (folder / "weights-00.bin").write_bytes(_bytes(100_000, 2))


def fake_model(folder: Path, **changes: Any) -> Manifest:
    """Writes the files of `fake_manifest(**changes)` and golden data of the shapes it names."""
    manifest = fake_manifest(**changes)
    fake_files(folder)
    forward = manifest["programs"]["forward"]
    inputs = {port["name"]: _example(port) for port in forward["inputs"]}
    outputs = {port["name"]: _example(port) for port in forward["outputs"]}
    golden.write(folder, manifest, [golden.Case(inputs, outputs)])
    return manifest


def _example(port: dict[str, Any]) -> torch.Tensor | float:
    if port["kind"] != "tensor":
        return {"int": 3, "float": 0.5, "bool": True}[port["kind"]]
    shape = [size if isinstance(size, int) else 2 for size in port["shape"]]
    return torch.ones(shape, dtype=getattr(torch, port["dtype"]))


def _bytes(count: int, seed: int) -> bytes:
    return hashlib.shake_128(bytes([seed])).digest(count)


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
