"""Moves what is larger than the constants it is made of to the loading of the model."""

from __future__ import annotations

from wasm_torch_web.ir import Graph, Node


def prepare_at_load(graph: Graph) -> int:
    """Collects the nodes that the program `prepare` runs; gives how many."""
    nodes: list[Node] = []
    for node in graph.nodes:
        if _is_prepared(node):
            graph.prepare.append(node)
            for value in node.outputs:
                value.kind = "prepared"
        else:
            nodes.append(node)
    moved = len(graph.nodes) - len(nodes)
    graph.nodes = nodes
    return moved


def _is_prepared(node: Node) -> bool:
    known = (value is None or value.kind in ("constant", "prepared") for value in node.inputs)
    return node.row.prepares and all(known)
