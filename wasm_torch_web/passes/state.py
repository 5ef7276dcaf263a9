"""Stores new contents of mutated buffers: in place where the old ones are dead, else by copy."""

from __future__ import annotations

from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.ops import ROWS

# Rows that write a part of their first input and can do so in its own memory.
_WRITERS = {"index_put", "slice_scatter", "scatter"}


def update_in_place(graph: Graph) -> int:
    """Gives each updated state a final writer; says how many write in place."""
    in_place = 0
    updates, graph.updates = graph.updates, []
    for state, value in updates:
        if value is state:
            continue
        if _can_write_in_place(graph, state, value):
            value.storage = state
            in_place += 1
        else:
            value = _store(graph, state, value, updates)
        graph.updates.append((state, value))
    return in_place


def views_of(graph: Graph, value: Value) -> set[Value]:
    """The value and everything that is a view of it."""
    found = {value}
    for node in graph.nodes:
        if node.row.view is not None and node.inputs[0] in found:
            found.update(node.outputs)
    return found


def _can_write_in_place(graph: Graph, state: Value, value: Value) -> bool:
    writer = value.producer
    if writer is None or writer.row.name not in _WRITERS or writer.inputs[0] is not state:
        return False
    old = views_of(graph, state)
    if any(port.value in old for port in graph.outputs):
        return False
    position = graph.nodes.index(writer)
    late = [
        node
        for node in graph.nodes[position:]
        if node is not writer and node.row.view is None and old.intersection(node.inputs)
    ]
    others = [v for v in writer.inputs[1:] if v in old]
    return not late and not others


def _store(graph: Graph, state: Value, value: Value, updates: list[tuple[Value, Value]]) -> Value:
    """Ends the run with a copy into the state; readers of the old contents get a copy first."""
    states = {s for s, _ in updates}
    old = {view for s in states for view in views_of(graph, s)}
    if value in old:
        value = copy_of(graph, value)
    for port in graph.outputs:
        if isinstance(port.value, Value) and port.value in old:
            port.value = copy_of(graph, port.value)
    stored = copy_of(graph, value)
    stored.storage = state
    return stored


def copy_of(graph: Graph, value: Value) -> Value:
    """Appends a dense copy of the value."""
    node = copy_node(value)
    graph.nodes.append(node)
    return node.output


def copy_node(value: Value) -> Node:
    """A `copy` of the value with an output of its own."""
    output = Value(f"{value.name}__copy", value.dtype, value.shape, fake=value.fake)
    origin = value.producer.origin if value.producer is not None else None
    row = ROWS["copy"]
    node = Node(row, [value], {a.name: a.default for a in row.attributes}, [output])
    if origin is not None:
        node.origin = origin
    output.producer = node
    return node
