"""A module in; it is captured, lowered and evaluated row by row, and must equal eager PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from support.evaluate import evaluate
from torch import Tensor, nn

from wasm_torch_web.axes import DynamicAxis
from wasm_torch_web.capture import decompose, export_module
from wasm_torch_web.lower import lower

AXES = (DynamicAxis("x", 0, 2, 64), DynamicAxis("x", 1, 2, 64))


class Function(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor, y: Tensor | None = None, z: Tensor | None = None) -> Any:
        return self.function(*(a for a in (x, y, z) if a is not None))


def check(
    module: nn.Module,
    args: tuple[Tensor, ...],
    dynamic: tuple[DynamicAxis, ...] = (),
    others: tuple[Tensor, ...] = (),
) -> None:
    graph = lower(decompose(export_module(module.eval(), args, {}, dynamic)))
    for inputs in (args, *((x,) for x in others)):
        with torch.no_grad():
            expected = torch.utils._pytree.tree_leaves(module(*inputs))
        given = evaluate(graph, inputs)
        for one, other in zip(given, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5, equal_nan=True)
