"""A graph in, an independent copy of it out that shares the tensors: passes change graphs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wasm_torch_web.control import Parts
from wasm_torch_web.ir import Graph, Node, Port, Value


class Copy:
    """A copy of a graph behind `passes.SIMPLIFY`; `values` leads from the old values to the new."""

    def __init__(self, graph: Graph) -> None:
        self.values: dict[Value, Value] = {}
        self.graph = self._graph(graph)

    def _graph(self, graph: Graph) -> Graph:
        return Graph(
            [self._port(port) for port in graph.inputs],
            [self._port(port) for port in graph.outputs],
            [self._node(node) for node in graph.prepare],
            [self._node(node) for node in graph.nodes],
            [replace(one, value=self._value(one.value)) for one in graph.symbols],
            list(graph.guards),
            [(self._known(state), self._known(value)) for state, value in graph.updates],
        )

    def _node(self, node: Node) -> Node:
        inputs = [self._value(value) for value in node.inputs]
        attributes = {name: self._attribute(item) for name, item in node.attributes.items()}
        outputs = [self._known(value) for value in node.outputs]
        copy = Node(node.row, inputs, attributes, outputs, node.origin)
        for output in outputs:
            output.producer = copy
        return copy

    def _attribute(self, item: Any) -> Any:
        if isinstance(item, Parts):
            return Parts(tuple(self._graph(graph) for graph in item.graphs), item.carried)
        return list(item) if isinstance(item, list) else item

    def _port(self, port: Port) -> Port:
        value = self._known(port.value) if isinstance(port.value, Value) else port.value
        return replace(port, value=value)

    def _value(self, value: Value | None) -> Value | None:
        return None if value is None else self._known(value)

    def _known(self, value: Value) -> Value:
        if value not in self.values:
            self.values[value] = replace(value)
        return self.values[value]


def copied(graph: Graph) -> Graph:
    """The copy alone."""
    return Copy(graph).graph
