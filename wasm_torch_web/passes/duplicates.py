"""Common subexpressions: equal nodes become one."""

from __future__ import annotations

from typing import Any

from wasm_torch_web.ir import Graph, Node


def merge_duplicates(graph: Graph) -> int:
    """Keeps the first of nodes with the same row, inputs and attributes; gives how many went."""
    first: dict[Any, Node] = {}
    kept = []
    for node in graph.nodes:
        key = _key(node)
        if key not in first:
            first[key] = node
            kept.append(node)
            continue
        for old, new in zip(node.outputs, first[key].outputs, strict=True):
            graph.replace(old, new)
    removed = len(graph.nodes) - len(kept)
    graph.nodes = kept
    return removed


def _key(node: Node) -> Any:
    attributes = tuple(sorted((name, repr(item)) for name, item in node.attributes.items()))
    layouts = tuple((value.strides, value.offset) for value in node.outputs)
    return node.row.name, tuple(map(id, node.inputs)), attributes, layouts
