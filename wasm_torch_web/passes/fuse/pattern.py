"""What fusion patterns are made of: a function of one node becomes a pass over the graph."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable

from wasm_torch_web.ir import Graph, Node, Value

Pass = Callable[[Graph], int]


class Reads:
    """How many operands read each value, right while patterns rewrite the graph.

    Nodes that lose their last reader stay until dead code is removed, and their reads count.
    """

    def __init__(self, graph: Graph) -> None:
        self.count = Counter(value for node in graph.nodes for value in node.inputs)
        self.results = set(graph.results())

    def sole(self, value: Value | None) -> Node | None:
        """What makes the value, if one operand reads it and it is no result of the run."""
        if value is None or self.count[value] != 1 or value in self.results:
            return None
        return value.producer

    def rewire(self, node: Node, index: int, value: Value | None) -> None:
        """Lets operand `index` of the node read `value`."""
        self.count[node.inputs[index]] -= 1
        self.count[value] += 1
        node.inputs[index] = value

    def absorb(self, producer: Node, node: Node) -> Node:
        """The producer makes what the node made, in its place."""
        self.count.subtract(node.inputs)
        producer.outputs = node.outputs
        for output in producer.outputs:
            output.producer = producer
        return producer


def pattern(rewrite: Callable[[Node, Reads], Node | None]) -> Pass:
    """A pass that tries `rewrite` on each node, in order; it gives how many it changed.

    `rewrite` looks from the last node of what it fuses back to what made its inputs. It gives the
    node (changed, older or new) that stands in that node's place from now on and makes its
    outputs, or None where the pattern does not fit.
    """

    @functools.wraps(rewrite)
    def sweep(graph: Graph) -> int:
        reads = Reads(graph)
        order: dict[Node, None] = {}
        found = 0
        for node in graph.nodes:
            made = rewrite(node, reads)
            found += made is not None
            order.pop(made or node, None)
            order[made or node] = None
        graph.nodes = list(order)
        return found

    return sweep
