"""What fusion patterns are made of: a function of one node becomes a pass over the graph."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import torch

from wasm_torch_web.ir import Dim, Graph, Node, Value
from wasm_torch_web.ops import ROWS
from wasm_torch_web.passes.dead_code import remove_dead_code

Pass = Callable[[Graph], int]


class Reads:
    """How many operands read each value, right while patterns rewrite the graph.

    Nodes that lose their last reader stay until the pattern has seen the whole graph, and their
    reads count.
    """

    def __init__(self, graph: Graph) -> None:
        self.count = Counter(value for node in graph.nodes for value in node.inputs)
        self.results = set(graph.results())
        self.made: list[Node] = []  # new nodes, which go before the one that a pattern gives

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

    def release(self, node: Node) -> None:
        """Nobody reads the node any more, so that its own reads do not count."""
        self.count.subtract(node.inputs)

    def absorb(self, producer: Node, node: Node) -> Node:
        """The producer makes what the node made, in its place."""
        self.release(node)
        producer.outputs = node.outputs
        for output in producer.outputs:
            output.producer = producer
        return producer

    def become(
        self, node: Node, row: str, inputs: Sequence[Value | None], **attributes: Any
    ) -> Node:
        """The node becomes another row that makes the same outputs."""
        self.release(node)
        self.count.update(inputs)
        node.row, node.inputs, node.attributes = ROWS[row], list(inputs), attributes
        return node

    def emit(
        self,
        row: str,
        inputs: Sequence[Value | None],
        attributes: dict[str, Any],
        like: Node,
        shape: Sequence[Dim],
        dtype: torch.dtype | None = None,
    ) -> Value:
        """The output of a new node, which comes from where `like` does, and has its dtype."""
        name = f"{like.output.name}__{row}"
        output = Value(name, dtype or like.output.dtype, tuple(shape))
        output.producer = Node(ROWS[row], list(inputs), attributes, [output], like.origin)
        self.count.update(inputs)
        self.made.append(output.producer)
        return output


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
            order.update(dict.fromkeys(reads.made))
            reads.made.clear()
            order.pop(made or node, None)
            order[made or node] = None
        graph.nodes = list(order)
        if found:
            remove_dead_code(graph)
        return found

    return sweep


def number(value: Value | None) -> float | None:
    """The one number that a constant holds, else None."""
    if value is None or not value.is_constant or value.data is None or value.data.numel() != 1:
        return None
    return float(value.data.item())


def is_pointwise(node: Node) -> bool:
    """Whether the node computes each element of float32 operands on its own, in float32."""
    return node.row.outputs[0].layout == ("like",) and all(
        node.attributes.get(name) == torch.float32 for name in ("compute", "dtype")
    )
