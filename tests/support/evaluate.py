"""Runs a lowered graph in PyTorch, row by row: what a lowering means, before any kernel runs."""

from __future__ import annotations

from typing import Any

import sympy
import torch
from torch import Tensor

from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.strides import contiguous_strides


def evaluate(graph: Graph, inputs: tuple[Tensor, ...]) -> list[Any]:
    """The graph's outputs; every shape and dtype is checked against what lowering inferred."""
    return _Evaluation(graph, inputs).run()


class _Evaluation:
    def __init__(self, graph: Graph, inputs: tuple[Tensor, ...]) -> None:
        self.graph = graph
        self.values: dict[Value, Tensor] = {}
        self.symbols: dict[sympy.Symbol, int] = {}
        for port, data in zip(graph.inputs, inputs, strict=True):
            self.values[port.value] = data
            for size, actual in zip(port.value.shape, data.shape, strict=True):
                if isinstance(size, sympy.Symbol):
                    self.symbols[size] = actual

    def run(self) -> list[Any]:
        for node in self.graph.nodes:
            self.node(node)
        return [
            self.tensor(port.value) if isinstance(port.value, Value) else self.number(port.value)
            for port in self.graph.outputs
        ]

    def tensor(self, value: Value) -> Tensor:
        if value not in self.values:
            assert value.data is not None, f"{value} is not computed yet"
            return value.data
        return self.values[value]

    def number(self, item: Any) -> Any:
        if isinstance(item, (list, tuple)):
            return tuple(self.number(one) for one in item)
        if isinstance(item, sympy.Basic):
            result = item.subs(self.symbols)
            return int(result) if result.is_integer else float(result)
        return item

    def node(self, node: Node) -> None:
        inputs = [None if value is None else self.tensor(value) for value in node.inputs]
        result = node.row.reference(
            *inputs, **{name: self.number(item) for name, item in node.attributes.items()}
        )
        results = list(result) if isinstance(result, (list, tuple)) else [result]
        for value, data in zip(node.outputs, results, strict=True):
            assert tuple(data.shape) == self.number(value.shape), f"{node} gave {data.shape}"
            assert data.dtype == value.dtype, f"{node} gave {data.dtype}"
            self.values[value] = data
        if node.row.view is not None:
            self.check_view(node, results[0])

    def check_view(self, node: Node, expected: Tensor) -> None:
        """The view of the dense input, worked out in symbols, is what the reference gave."""
        source = node.inputs[0]
        attributes = {
            name: tuple(item) if isinstance(item, list) else item
            for name, item in node.attributes.items()
        }
        place = node.row.view(source.shape, contiguous_strides(source.shape), 0, **attributes)
        assert place is not None, f"{node} has no view of a dense input"
        _, strides, offset = (self.number(item) for item in place)
        data = self.tensor(source).contiguous()
        found = torch.as_strided(data, expected.shape, strides, data.storage_offset() + offset)
        torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
