"""Mutated buffers: runs in a row equal PyTorch's; writes are in place where nobody can tell."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from support.native_graph import run_native
from torch import Tensor, nn

from wasm_torch_web.capture import export_module
from wasm_torch_web.compiler import compile_program


class Buffers(nn.Module):
    """Three buffers, and a function that changes them."""

    a: Tensor
    b: Tensor
    c: Tensor

    def __init__(self, function: Callable[[Buffers, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function
        for number, name in enumerate("abc", 1):
            self.register_buffer(name, torch.full((4, 3), float(number)))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def write_row(m: Buffers, x: Tensor) -> Tensor:
    m.a.index_copy_(0, torch.tensor([2]), x[:1])
    return m.a.sum(0)


def count(m: Buffers, x: Tensor) -> Tensor:
    m.a.add_(x)
    return m.a * 2


def read_after_write(m: Buffers, x: Tensor) -> Tensor:
    old = m.a.clone()
    m.a.add_(x)
    return m.a * old


def write_over_broadcast(m: Buffers, x: Tensor) -> Tensor:
    m.a.copy_(m.a[:1] + x)
    return m.a


def swap(m: Buffers, x: Tensor) -> Tensor:
    a, b = m.a.clone(), m.b.clone()
    m.a.copy_(b + x)
    m.b.copy_(a)
    return a


def rotate(m: Buffers, x: Tensor) -> Tensor:
    a, b, c = m.a.clone(), m.b.clone(), m.c.clone()
    m.a.copy_(b)
    m.b.copy_(c)
    m.c.copy_(a)
    return m.a + 10 * m.b + 100 * m.c + x


def keep_the_old(m: Buffers, x: Tensor) -> Tensor:
    old = m.b.clone()
    m.b.add_(x)
    m.a.copy_(old)
    return m.a + 10 * m.b


def same_twice(m: Buffers, x: Tensor) -> Tensor:
    m.a.copy_(x + 1)
    m.b.copy_(x + 1)
    return m.a + m.b


IN_PLACE = {
    write_row: 1,
    count: 1,
    read_after_write: 0,
    write_over_broadcast: 0,
    swap: 0,
    rotate: 0,
    keep_the_old: 0,
    same_twice: 0,
}


@pytest.mark.parametrize("function", IN_PLACE, ids=lambda function: function.__name__)
def test_runs_in_a_row(function: Callable[[Buffers, Tensor], Tensor]) -> None:
    module, args = Buffers(function), (torch.arange(12.0).reshape(4, 3),)
    result = compile_program(export_module(module, args, {}))
    steps = {step.name: step.changes for step in result.steps}
    assert steps["update_in_place"] == IN_PLACE[function], result.graph.nodes
    for given, expected in run_native(result, module, args, runs=3):
        torch.testing.assert_close(given, expected)
