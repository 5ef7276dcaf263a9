"""Common subexpressions: equal nodes become one."""

from __future__ import annotations

from typing import Any

from wasm_torch_web.ir import Graph, Node, Value


def merge_duplicates(graph: Graph) -> int:
    """Keeps the first of nodes with the same row, inputs and attributes; gives how many went."""
    first: dict[Any, Node] = {}
    merged: dict[Value, Value] = {}
    for node in graph.nodes:
        kept = first.setdefault(_key(node, merged), node)
        if kept is not node:
            merged.update(zip(node.outputs, kept.outputs, strict=True))
    removed = len(graph.nodes) - len(first)
    graph.nodes = list(first.values())
    graph.replace(merged)
    return removed


def _key(node: Node, merged: dict[Value, Value]) -> Any:
    inputs = tuple(None if value is None else merged.get(value, value) for value in node.inputs)
    attributes = tuple(sorted((name, repr(item)) for name, item in node.attributes.items()))
    return node.row.name, inputs, attributes
