"""Removes nodes whose outputs nobody reads."""

from __future__ import annotations

from wasm_torch_web.ir import Graph


def remove_dead_code(graph: Graph) -> int:
    """Keeps what outputs and states depend on; gives the number of nodes removed."""
    needed = set(graph.results())
    kept = []
    for node in reversed(graph.nodes):
        if not needed.isdisjoint(node.outputs):
            kept.append(node)
            needed.update(value for value in node.inputs if value is not None)
    removed = len(graph.nodes) - len(kept)
    graph.nodes = kept[::-1]
    return removed
