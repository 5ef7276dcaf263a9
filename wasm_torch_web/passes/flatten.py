"""Graphs inside nodes become part of the graph around them, between control nodes.

A choice or loop gets memory of its own for each result, which copies fill: both ways of a choice
write the same, each round of a loop what the next one reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from wasm_torch_web.control import Parts, marker, parts_of
from wasm_torch_web.ir import Dim, Graph, Node, Value, root
from wasm_torch_web.ops import ROWS
from wasm_torch_web.passes.state import copy_node
from wasm_torch_web.strides import contiguous_strides


def flatten_control(graph: Graph) -> int:
    """Puts nodes of nested graphs, which are flat, between control nodes; gives how many graphs."""
    nodes: list[Node] = []
    found = 0
    for node in graph.nodes:
        parts = parts_of(node)
        if parts is None:
            nodes.append(node)
            continue
        for output in node.outputs:
            _own_memory(output)
        nodes += _loop(node, parts) if parts.is_loop else _choice(node, parts)
        for inner in parts.graphs:
            graph.prepare += inner.prepare
            graph.guards += inner.guards
            graph.symbols += [symbol for symbol in inner.symbols if symbol.value is not None]
            found += 1
    graph.nodes = nodes
    return found


def _own_memory(output: Value) -> None:
    """Makes the value a view of memory that several nodes write."""
    if root(output) is output:
        memory = Value(f"{output.name}__memory", output.dtype, output.shape)
        memory.strides, memory.storage = output.strides, memory
        output.storage = memory
    output.kind, output.producer = "view", None


def _choice(node: Node, parts: Parts) -> Iterator[Node]:
    predicate, *operands = node.inputs
    assert predicate is not None
    yield marker("choose", node.origin, predicate)
    for index, graph in enumerate(parts.graphs):
        if index:
            yield marker("otherwise", node.origin)
        _bind(graph, operands)
        yield from graph.nodes
        for result, output in zip(_results(graph), node.outputs, strict=True):
            yield _copy(result, output, node)
    yield marker("end", node.origin)


def _loop(node: Node, parts: Parts) -> Iterator[Node]:
    test, body = parts.graphs
    carried, stacked = node.outputs[: parts.carried], node.outputs[parts.carried :]
    for first, place in zip(node.inputs, carried, strict=False):
        assert first is not None
        yield _copy(first, place, node)
    for output in stacked:
        yield _zeros(output, node)
    operands = [*carried, *node.inputs[parts.carried :]]
    yield marker("repeat", node.origin)
    _bind(test, operands)
    yield from test.nodes
    yield marker("test", node.origin, *_results(test))
    _bind(body, operands)
    yield from body.nodes
    results = _results(body)
    for result, output in zip(results[parts.carried :], stacked, strict=True):
        yield _copy(result, output, node, parts.index)
    yield from _carry(results[: parts.carried], carried, node)
    yield marker("end", node.origin)


def _carry(results: Sequence[Value], places: Sequence[Value], node: Node) -> Iterator[Node]:
    """All at once: what lies in another place is taken aside before that is written."""
    taken = []
    memory = {root(place) for place in places}
    for result, place in zip(results, places, strict=True):
        if _is_at(result, place):
            continue
        if root(result) in memory:
            aside = copy_node(result, node.origin)
            aside.output.strides = contiguous_strides(result.shape)
            aside.output.storage = aside.output
            yield aside
            result = aside.output
        taken.append((result, place))
    for result, place in taken:
        yield _copy(result, place, node)


def _is_at(result: Value, place: Value) -> bool:
    return (
        root(result) is root(place)
        and result.offset == place.offset
        and tuple(result.strides) == tuple(place.strides)
    )


def _copy(value: Value, output: Value, node: Node, index: Dim | None = None) -> Node:
    """A copy into the place of an output; of a stacked one, into its slice at `index`."""
    copied = copy_node(value, node.origin)
    place = copied.output
    place.storage, place.strides, place.offset = root(output), output.strides, output.offset
    if index is not None:
        place.strides = output.strides[1:]
        place.offset = output.offset + index * output.strides[0]
    return copied


def _zeros(output: Value, node: Node) -> Node:
    """What a stack is before its first round: plans read no memory that may not be written."""
    attributes = {"size": list(output.shape), "value": 0, "dtype": output.dtype}
    place = Value(f"{output.name}__zeros", output.dtype, output.shape)
    place.storage, place.strides, place.offset = root(output), output.strides, output.offset
    place.producer = Node(ROWS["full"], [], attributes, [place], node.origin)
    return place.producer


def _bind(graph: Graph, operands: Iterable[Value | None]) -> None:
    """Makes the inputs of a graph views of the operands, which are dense."""
    for port, operand in zip(graph.inputs, operands, strict=True):
        inner = port.value
        assert operand is not None
        for value in graph.values():
            if value is not inner and root(value) is inner:
                value.offset = value.offset + operand.offset
        inner.kind, inner.storage, inner.offset = "view", root(operand), operand.offset


def _results(graph: Graph) -> list[Value]:
    return [port.value for port in graph.outputs if port.kind == "tensor"]
