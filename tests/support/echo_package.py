"""A folder in, a package out that runs in a browser without the compiled runtime: an echo."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from wasm_torch_web.bundle import entry
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.verify import golden
from wasm_torch_web.verify.reference import Flat

from .fake_model import fake_manifest, fake_model

LOADER = Path(__file__).with_name("echo_loader.js")


def echo(inputs: Flat) -> Flat:
    """What PyTorch would say: every input is an output."""
    return {f"{name}_out": value for name, value in inputs.items()}


def echo_package(folder: Path, example: dict[str, Any], shapes: dict[str, list[Any]]) -> Manifest:
    """A package whose inputs are those of `example`; `shapes` are the dynamic ones."""
    inputs = [_port(name, value, shapes) for name, value in example.items()]
    outputs = [port | {"name": f"{port['name']}_out"} for port in inputs]
    manifest = fake_manifest(inputs=inputs, outputs=outputs)
    folder.mkdir(exist_ok=True)
    fake_model(folder, manifest)
    golden.write(folder, manifest, golden.make_cases(manifest, [example], echo))
    manifests.write(folder, manifest)
    entry.write(folder, manifest)
    shutil.copyfile(LOADER, folder / "loader.js")
    return manifest


def _port(name: str, value: Any, shapes: dict[str, list[Any]]) -> dict[str, Any]:
    if not hasattr(value, "dtype"):
        return {"name": name, "kind": type(value).__name__}
    dtype = str(value.dtype).removeprefix("torch.")
    shape = shapes.get(name, list(value.shape))
    return {"name": name, "kind": "tensor", "dtype": dtype, "shape": shape}
