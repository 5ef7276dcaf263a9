"""Removes nodes whose outputs nobody reads."""

from __future__ import annotations

from collections.abc import Iterator

from wasm_torch_web.ir import Graph, Value


def owners(value: Value) -> Iterator[Value]:
    """The value, and the values whose memory it is a view of."""
    yield value
    while value.storage is not None and value.storage is not value:
        value = value.storage
        yield value


def remove_dead_code(graph: Graph) -> int:
    """Keeps what outputs and states depend on; gives the number of nodes removed."""
    needed = {owner for value in graph.results() for owner in owners(value)}
    kept = []
    for node in reversed(graph.nodes):
        if any(value in needed for value in node.outputs):
            kept.append(node)
            needed.update(o for value in node.inputs if value is not None for o in owners(value))
    removed = len(graph.nodes) - len(kept)
    graph.nodes = kept[::-1]
    return removed
