"""A lowered graph and named inputs in, its outputs by the rows' PyTorch references out.

What a lowering means, before any kernel runs: shapes and dtypes are checked against what it says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy
import torch
from torch import Tensor

from wasm_torch_web.control import Parts, parts_of
from wasm_torch_web.ir import Graph, Node, Value


class Interpreter:
    """Runs a graph that no pass behind `passes.SIMPLIFY` has changed; state persists from run to
    run."""

    def __init__(self, graph: Graph, sizes: Mapping[sympy.Symbol, int]) -> None:
        self.graph = graph
        self.sizes = dict(sizes)
        self.states: dict[Value, Tensor] = {}
        self.values: dict[Value, Tensor] = {}

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs by name. Raises ValueError where a value is not what lowering inferred."""
        tensors = [port for port in self.graph.inputs if port.kind == "tensor"]
        self.values = self.states | {port.value: inputs[port.name] for port in tensors}
        return self.finish(self.graph.nodes)

    def finish(self, nodes: Sequence[Node]) -> dict[str, Any]:
        """The rest of a run, of which the nodes before these are done."""
        with torch.no_grad():
            for node in nodes:
                self.node(node)
        outputs = {port.name: self.result(port.value) for port in self.graph.outputs}
        self.states = {state: self.tensor(value) for state, value in self.graph.updates}
        return outputs

    def node(self, node: Node) -> None:
        """Computes the node's outputs."""
        inputs = [None if value is None else self.tensor(value) for value in node.inputs]
        parts = parts_of(node)
        if parts is not None:
            given = self.loop(parts, inputs) if parts.is_loop else self.choice(parts, inputs)
            for value in node.outputs[len(given) :]:  # stacks of no rounds
                given.append(torch.empty(self.number(value.shape), dtype=value.dtype))
            self.values.update(zip(node.outputs, given, strict=True))
            return
        attributes = {name: self.number(item) for name, item in node.attributes.items()}
        result = node.row.reference(*inputs, **attributes)
        results = result if isinstance(result, (list, tuple)) else (result,)
        for value, data in zip(node.outputs, results, strict=True):
            if tuple(data.shape) != self.number(value.shape) or data.dtype != value.dtype:
                raise ValueError(f"{node} gave {data.dtype}{list(data.shape)}")
            self.values[value] = data
            for symbol in self.graph.symbols:
                if symbol.value is value:
                    self.sizes[symbol.symbol] = data.item()

    def choice(self, parts: Parts, inputs: Sequence[Any]) -> list[Tensor]:
        """What the chosen graph gives."""
        predicate, *operands = inputs
        return self.inside(parts.graphs[0 if predicate else 1], operands)

    def loop(self, parts: Parts, inputs: Sequence[Any]) -> list[Tensor]:
        """What is carried at the end, and stacks of what the rounds gave besides."""
        test, body = parts.graphs
        carried, rest = list(inputs[: parts.carried]), list(inputs[parts.carried :])
        stacks: list[list[Tensor]] = []
        while self.inside(test, [*carried, *rest])[0]:
            results = self.inside(body, [*carried, *rest])
            carried = results[: parts.carried]
            stacks.append(results[parts.carried :])
        if not stacks:
            return carried
        return [*carried, *(torch.stack(slices) for slices in zip(*stacks, strict=True))]

    def inside(self, graph: Graph, operands: Sequence[Any]) -> list[Tensor]:
        """The tensors among the outputs of a graph inside a node."""
        inner = type(self)(graph, self.sizes)
        inner.values = {p.value: x for p, x in zip(graph.inputs, operands, strict=True)}
        for node in graph.nodes:
            inner.node(node)
        return [inner.tensor(port.value) for port in graph.outputs if port.kind == "tensor"]

    def tensor(self, value: Value) -> Tensor:
        """What a value holds: computed, or there from the start."""
        held = self.values.get(value, value.data)
        assert held is not None, f"{value} is not computed yet"
        return held

    def number(self, item: Any) -> Any:
        """An attribute or a size with its expressions evaluated."""
        if isinstance(item, (list, tuple)):
            return tuple(self.number(one) for one in item)
        if isinstance(item, sympy.Basic):
            result = item.subs(self.sizes)
            if result in (sympy.true, sympy.false):
                return bool(result)
            return int(result) if result.is_integer else float(result)
        return item

    def result(self, value: Any) -> Any:
        """The value of an output port."""
        return self.tensor(value) if isinstance(value, Value) else self.number(value)
