"""torch.cond, while_loop, scan and map: every way they can go equals PyTorch on the wasm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from models.control import Flow, Function, flows
from support.cases import Plan, as_tensor, files_of
from support.wasm import outputs_on_wasm, run_on_wasm
from torch._higher_order_ops import while_loop

from wasm_torch_web import axes
from wasm_torch_web.capture import export_module
from wasm_torch_web.compiler import compile_program
from wasm_torch_web.errors import UserError

FLOWS = flows()


def dynamic_axes(flow: Flow) -> list[Any]:
    return [axes.parse_dynamic(text) for text in flow.dynamic]


@pytest.mark.parametrize("name", FLOWS)
def test_equals_pytorch(name: str) -> None:
    """On the wasm, in Node."""
    flow = FLOWS[name]
    module, dynamic = flow.module.eval(), dynamic_axes(flow)
    compiled = compile_program(export_module(module, flow.runs[0], {}, dynamic), dynamic)
    plan, weights = files_of(compiled.graph)
    plans = []
    for args in flow.runs:
        with torch.no_grad():
            outputs = compiled.signature.flatten_outputs(module(*args))
        named = compiled.signature.flatten_inputs(args, {})
        given = [named[port.name] for port in compiled.graph.inputs]
        expected = [as_tensor(outputs[port.name]).clone() for port in compiled.graph.outputs]
        plans.append(Plan(f"{name}{len(plans)}", plan, weights, given, expected, 1e-5))
    assert run_on_wasm(plans) == {}


def test_random_numbers_are_drawn_anew_in_each_round() -> None:
    def step(i: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return i + 1, torch.cat([x[1:], torch.rand(1)])

    class Draws(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            zero = torch.zeros((), dtype=torch.int64)
            return while_loop(lambda i, x: i < 8, step, (zero, x + 0))[1]

    compiled = compile_program(export_module(Draws(), (torch.zeros(8),), {}))
    plan, weights = files_of(compiled.graph)
    (found,) = outputs_on_wasm([Plan("", plan, weights, [torch.zeros(8)], [torch.zeros(8)], 0)])
    assert len(set(found[0].tolist())) == 8 and all(0 <= x < 1 for x in found[0].tolist())


def refused(function: Callable[..., Any], *args: Any) -> str:
    """The error that compiling the function gives."""
    with pytest.raises(UserError) as caught:
        compile_program(export_module(Function(function).eval(), args, {}))
    return caught.value.slug


def test_branches_of_different_sizes_are_refused() -> None:
    def sizes(linear: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, lambda x: x[:2].clone(), lambda x: x[:1].clone(), (x,))

    assert refused(sizes, torch.ones(3, 4)) == "control-flow"


def test_random_numbers_in_the_condition_of_a_loop_are_refused() -> None:
    def chance(linear: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        return while_loop(lambda y: torch.rand(()) < 0.5, lambda y: (y * 2,), (x + 0,))[0]

    assert refused(chance, torch.ones(3, 4)) == "control-flow"
