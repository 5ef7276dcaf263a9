"""torch.cond, while_loop, scan and map: every way they can go equals PyTorch on the native build."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from models.control import Flow, flows
from support.native_graph import run_native

from wasm_torch_web import axes
from wasm_torch_web.capture import export_module
from wasm_torch_web.compiler import compile_program

FLOWS = flows()


def dynamic_axes(flow: Flow) -> list[Any]:
    return [axes.parse_dynamic(text) for text in flow.dynamic]


@pytest.mark.parametrize("name", FLOWS)
def test_equals_pytorch(name: str) -> None:
    flow = FLOWS[name]
    module, dynamic = flow.module.eval(), dynamic_axes(flow)
    compiled = compile_program(export_module(module, flow.runs[0], {}, dynamic), dynamic)
    for args in flow.runs:
        for given, expected in run_native(compiled, module, args, runs=2):
            torch.testing.assert_close(torch.as_tensor(given), torch.as_tensor(expected))
