"""A compiled model on the native runtime, next to PyTorch."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from support.builds import plain
from support.native import NativeModel
from torch import Tensor, nn

from wasm_torch_web.format import writer
from wasm_torch_web.format.stored import read_segment
from wasm_torch_web.pipeline import Compiled


def run_native(
    compiled: Compiled, module: nn.Module, args: tuple[Any, ...], runs: int = 1
) -> Iterator[tuple[Tensor, Tensor]]:
    """(given, expected) for each output of each of several runs in a row."""
    eager = copy.deepcopy(module)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        manifest = writer.write(
            compiled.graph, folder, name="model", version="0.1.0", parameters=compiled.parameters
        )
        weights = read_segment(folder, manifest["weights"])
        model = NativeModel(plain(), (folder / "plan.bin").read_bytes(), weights)
    named = compiled.signature.flatten_inputs(args, {})
    inputs = [named[port.name] for port in compiled.graph.inputs]
    ports = [port for port in compiled.graph.outputs if not port.constant]
    for _ in range(runs):
        given = model.run(inputs, len(ports))
        with torch.no_grad():
            expected = compiled.signature.flatten_outputs(eager(*args))
        for port, tensor in zip(ports, given, strict=True):
            assert isinstance(tensor, Tensor)
            yield tensor, expected[port.name].clone()
    model.close()
