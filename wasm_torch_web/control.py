"""Control flow in the graph: a node that owns graphs, and the rows of which plans have it.

A `choice` has two graphs over the same operands, of which one runs. A `loop` has a test and a body
over what it carries (the node's first inputs) and what stays (the others): while the test holds,
the body's first results are what is carried next, its other results the slices at `index` of
stacked outputs. Passes see one node with dense operands; `passes.flatten` is the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from wasm_torch_web.errors import InternalError
from wasm_torch_web.ir import Graph, Node, Origin, Symbol, Value
from wasm_torch_web.ops.table import ALL, Attribute, Row, tensor

# Control nodes of a plan; their numbers are those of csrc/core/plan.h.
CONTROL = {
    name: number for number, name in enumerate(("", "choose", "otherwise", "repeat", "test", "end"))
}


@dataclass(eq=False, repr=False)
class Parts:
    """The graphs of a control-flow node.

    Attributes:
        graphs: of a choice: where the predicate holds, where not; of a loop: test, body.
            The body of a loop that stacks has its index as last output.
        carried: of a loop, how many values it carries.
    """

    graphs: tuple[Graph, ...]
    carried: int = 0

    @property
    def is_loop(self) -> bool:
        """Whether it goes round."""
        return self.carried > 0

    @property
    def index(self) -> Any:
        """Of a loop that stacks, the number of the round."""
        last = self.graphs[-1].outputs[-1]
        return last.value if last.kind == "int" else None


def parts_of(node: Node) -> Parts | None:
    """The graphs of a node, where it has some."""
    parts = node.attributes.get("parts")
    return parts if isinstance(parts, Parts) else None


def subgraphs(graph: Graph) -> Iterator[Graph]:
    """The graphs that the nodes of a graph own; not those inside them."""
    for node in graph.nodes:
        parts = parts_of(node)
        if parts is not None:
            yield from parts.graphs


def all_subgraphs(graph: Graph) -> Iterator[Graph]:
    """The graphs inside a graph, at any depth."""
    for inner in subgraphs(graph):
        yield inner
        yield from all_subgraphs(inner)


def control_node(
    name: str, inputs: Sequence[Value], outputs: Sequence[Value], parts: Parts, origin: Origin
) -> Node:
    """A node of a row of its own: no two have the same outputs."""
    row = Row(
        name,
        "control",
        (tensor("operands", ALL, variadic=True),),
        tuple(tensor(value.name, ALL) for value in outputs),
        (Attribute("parts", "graphs"),),
        _no_reference,
    )
    node = Node(row, list(inputs), {"parts": parts}, list(outputs), origin)
    for output in outputs:
        output.producer = node
    return node


def _no_reference(*operands: Any, **attributes: Any) -> Any:
    raise InternalError("internal", reason="the interpreter runs control nodes itself")


def marker(name: str, origin: Origin, *inputs: Value) -> Node:
    """A control node of a plan: `choose`, `otherwise`, `repeat`, `test` or `end`."""
    row = Row(
        name, "control", tuple(tensor(v.name, (v.dtype,)) for v in inputs), (), (), _no_reference
    )
    return Node(row, list(inputs), {}, [], origin)


def inherit_symbols(graph: Graph) -> None:
    """Gives graphs inside a graph the symbols of those around them, as numbers that are known."""
    around = [Symbol(s.symbol, s.name, s.min, s.max, None, s.bound) for s in graph.symbols]
    for inner in subgraphs(graph):
        inner.symbols = [*around, *inner.symbols]
        inherit_symbols(inner)
