"""Runs a lowered graph in PyTorch, row by row, and checks the views that rows describe."""

from __future__ import annotations

from typing import Any

import sympy
import torch
from torch import Tensor

from wasm_torch_web.interpreter import Interpreter
from wasm_torch_web.ir import Graph, Node
from wasm_torch_web.strides import contiguous_strides


def evaluate(graph: Graph, inputs: tuple[Tensor, ...]) -> list[Any]:
    """The graph's outputs; every shape and dtype is checked against what lowering inferred."""
    pairs = list(zip(graph.inputs, inputs, strict=True))
    sizes = {
        size: actual
        for port, data in pairs
        for size, actual in zip(port.value.shape, data.shape, strict=True)
        if isinstance(size, sympy.Symbol)
    }
    return list(_Checking(graph, sizes).run({port.name: data for port, data in pairs}).values())


class _Checking(Interpreter):
    def node(self, node: Node) -> None:
        super().node(node)
        if node.row.view is not None:
            self.check_view(node, self.tensor(node.output))

    def check_view(self, node: Node, expected: Tensor) -> None:
        """The view of the dense input, worked out in symbols, is what the reference gave."""
        source = node.inputs[0]
        assert source is not None and node.row.view is not None
        attributes = {
            name: tuple(item) if isinstance(item, list) else item
            for name, item in node.attributes.items()
        }
        place = node.row.view(source.shape, contiguous_strides(source.shape), 0, **attributes)
        assert place is not None, f"{node} has no view of a dense input"
        _, strides, offset = (self.number(item) for item in place)
        data = self.tensor(source).contiguous().reshape(-1).view(expected.dtype)
        found = torch.as_strided(data, expected.shape, strides, data.storage_offset() + offset)
        torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
