"""A folder in, a package out that runs in a browser without the compiled runtime: an echo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wasm_torch_web.bundle import pack
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.verify import golden
from wasm_torch_web.verify.reference import Flat

from .fake_model import fake_files, fake_manifest
from .fake_runtime import fake_runtime


def echo(runs: Sequence[Flat]) -> list[Flat]:
    """What PyTorch would say: every input is an output."""
    return [{f"{name}_out": value for name, value in run.items()} for run in runs]


def echo_package(
    folder: Path,
    example: dict[str, Any],
    shapes: dict[str, list[Any]],
    tokenizer: Path | None = None,
) -> Manifest:
    """A package whose inputs are those of `example`; `shapes` are the dynamic ones."""
    inputs = [_port(name, value, shapes) for name, value in example.items()]
    outputs = [port | {"name": f"{port['name']}_out"} for port in inputs]
    manifest = fake_manifest(inputs=inputs, outputs=outputs)
    folder.mkdir(exist_ok=True)
    fake_files(folder)
    golden.write(folder, manifest, golden.make_cases(manifest, [example], echo))
    pack(folder, fake_runtime(folder.with_name("runtime")), tokenizer)
    return manifest


def _port(name: str, value: Any, shapes: dict[str, list[Any]]) -> dict[str, Any]:
    if not hasattr(value, "dtype"):
        return {"name": name, "kind": type(value).__name__}
    dtype = str(value.dtype).removeprefix("torch.")
    shape = shapes.get(name, list(value.shape))
    return {"name": name, "kind": "tensor", "dtype": dtype, "shape": shape}
