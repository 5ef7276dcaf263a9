"""Stores new contents of mutated buffers: in place where the old ones are dead, else by copy."""

from __future__ import annotations

from wasm_torch_web.ir import Graph, Node, Origin, Value, same_shape
from wasm_torch_web.ops import ROWS

Old = dict[Value | None, Value]  # what shows a state's old contents -> the state


def update_in_place(graph: Graph) -> int:
    """Gives each updated state a final writer; says how many write in place.

    A run ends with copies of the old contents that are among its results, then with copies into
    the states that no node writes in place.
    """
    graph.updates = [(state, value) for state, value in graph.updates if value is not state]
    old = _old_contents(graph)
    kept = [value for value in dict.fromkeys(graph.results()) if value in old]
    saved = {value: _copy_of(graph, value) for value in kept}
    for port in graph.outputs:
        if isinstance(port.value, Value):
            port.value = saved.get(port.value, port.value)
    readers = _last_readers(graph, old)
    updates, graph.updates = graph.updates, []
    in_place = 0
    for state, value in updates:
        direct = _writes_in_place(state, value, old, readers)
        stored = value if direct else _copy_of(graph, saved.get(value, value))
        stored.storage = state
        graph.updates.append((state, stored))
        in_place += direct
    return in_place


def _old_contents(graph: Graph) -> Old:
    """The updated states and all views of them."""
    old: Old = {state: state for state, _ in graph.updates}
    for node in graph.nodes:
        if node.row.view is not None and node.inputs[0] in old:
            old[node.output] = old[node.inputs[0]]
    return old


def _last_readers(graph: Graph, old: Old) -> dict[Value, Node]:
    """The last node that reads a state's old contents."""
    return {
        old[value]: node
        for node in graph.nodes
        if node.row.view is None
        for value in node.inputs
        if value in old
    }


def _writes_in_place(state: Value, value: Value, old: Old, readers: dict[Value, Node]) -> bool:
    """Whether the node that makes `value` reads the state last, once, and may write over it."""
    writer = value.producer
    if writer is None or writer.row.inplace is None or readers.get(state) is not writer:
        return False
    return (
        writer.inputs[writer.row.inplace] is state
        and sum(old.get(read) is state for read in writer.inputs) == 1
        and writer.output is value
        and value.dtype == state.dtype
        and same_shape(value.shape, state.shape)
    )


def _copy_of(graph: Graph, value: Value) -> Value:
    """Appends a dense copy of the value."""
    node = copy_node(value)
    graph.nodes.append(node)
    return node.output


def copy_node(value: Value, origin: Origin | None = None) -> Node:
    """A `copy` of the value with an output of its own; its origin is the value's if not given."""
    output = Value(f"{value.name}__copy", value.dtype, value.shape, fake=value.fake)
    if origin is None:
        origin = value.producer.origin if value.producer is not None else Origin()
    node = Node(ROWS["copy"], [value], {}, [output], origin)
    output.producer = node
    return node
