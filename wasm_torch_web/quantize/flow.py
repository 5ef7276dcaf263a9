"""Layers that compute with bytes in; which values lie in memory as bytes, on which grids, and where
floats become bytes and back out."""

from __future__ import annotations

from collections.abc import Iterator, Set

from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.quantize import cost
from wasm_torch_web.quantize.grid import Grid
from wasm_torch_web.quantize.layers import CLAMPS, is_computed, is_passing, residual_of
from wasm_torch_web.quantize.way import Ranges


def operands(node: Node) -> Iterator[Value]:
    """What a layer of bytes reads as bytes."""
    yield from (v for v in (node.inputs[0], residual_of(node)) if v is not None)


def has_ranges(node: Node, ranges: Ranges) -> bool:
    """Whether calibration knows what the layer reads and gives."""
    ends = (*operands(node), node.output)
    return all(is_computed(v) and v.name in ranges for v in ends)


class Flow:
    """Of a simplified graph.

    Attributes:
        layers: the nodes that compute with bytes.
        wanted: the values that something reads as bytes.
        passing: the nodes that do with bytes what they did with floats.
        made: the values that a layer or a passing node can give as bytes.
        as_floats: the values that something reads as floats.
    """

    def __init__(self, graph: Graph, layers: Set[Node], ranges: Ranges) -> None:
        self.graph, self.layers, self.ranges = graph, layers, ranges
        self.made: set[Value] = set()
        able: set[Node] = set()
        for node in graph.nodes:
            if node in layers and node.attributes["activation"] in CLAMPS:
                self.made.add(node.output)
            elif self._can_pass(node):
                able.add(node)
                self.made.add(node.output)
        self.wanted: set[Value] = set()
        self.passing: set[Node] = set()
        self.as_floats: set[Value] = set(graph.results())
        for node in reversed(graph.nodes):
            if node in layers:
                self.wanted.update(operands(node))
                if node.row.name == "depthwise_conv2d":
                    self.wanted.add(node.output)  # it gives nothing else
            elif node in able and node.output in self.wanted:
                self.passing.add(node)
                self.wanted.update(v for v in node.inputs if v is not None)
            else:
                self.as_floats.update(v for v in node.inputs if v is not None)
        self.groups = _Groups()
        for node in self.passing:
            for value in node.inputs:
                assert value is not None
                self.groups.join(value, node.output)

    def _can_pass(self, node: Node) -> bool:
        if not is_passing(node) or not any(v in self.made for v in node.inputs):
            return False
        ends = (*node.inputs, node.output)
        return all(v is not None and v.name in self.ranges for v in ends)

    def gives_bytes(self, node: Node) -> bool:
        """Whether the output of a layer or a passing node lies in memory as bytes."""
        return node.output in self.made and node.output in self.wanted

    def grid(self, value: Value) -> Grid:
        """The grid of a value, which it shares with those that pass its numbers on."""
        members = [self.ranges[v.name] for v in self.groups.of(value) if v.name in self.ranges]
        return Grid.over(min(low for low, _ in members), max(high for _, high in members))

    def cost(self) -> float:
        """What there is between floats and bytes takes, in nanoseconds."""
        total = 0.0
        for value in self.wanted:
            if value not in self.made:
                total += cost.ROUND * cost.elements(value)
            elif value in self.as_floats:
                total += cost.BACK * cost.elements(value)
        return total


class _Groups:
    """Disjoint sets of values."""

    def __init__(self) -> None:
        self.sets: dict[Value, list[Value]] = {}

    def of(self, value: Value) -> list[Value]:
        return self.sets.get(value, [value])

    def join(self, a: Value, b: Value) -> None:
        first, second = self.of(a), self.of(b)
        if first is not second:
            both = [*first, *second]
            self.sets.update(dict.fromkeys(both, both))
