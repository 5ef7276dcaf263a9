"""Removes nodes that give back what they got."""

from __future__ import annotations

import torch

from wasm_torch_web.ir import Graph, Node, Value, same_shape


def remove_noops(graph: Graph) -> int:
    """Lets readers of a no-op read its input instead; gives how many went."""
    same: dict[Value, Value] = {}
    kept = {value.producer for value in graph.decisive()}
    for node in graph.nodes:
        if node in kept:
            continue
        first = node.inputs[0] if node.inputs else None
        if first is not None and _keeps_values(node) and _alike(first, node.output):
            same[node.output] = same.get(first, first)
    graph.nodes = [node for node in graph.nodes if node.output not in same]
    graph.replace(same)
    return len(same)


def _keeps_values(node: Node) -> bool:
    """Whether the output is the first input, where the two are alike."""
    row = node.row
    if row.identity is not None:
        return row.identity(**node.attributes)
    return row.neutral is not None and _is_number(node.inputs[1], row.neutral)


def _alike(a: Value, b: Value) -> bool:
    return a.dtype == b.dtype and same_shape(a.shape, b.shape)


def _is_number(value: Value | None, number: float) -> bool:
    """Whether the value is a constant of this one number, with its sign if it is zero."""
    if value is None or value.data is None or not value.is_constant or value.data.numel() != 1:
        return False
    given, wanted = value.data.reshape(()), torch.tensor(number, dtype=value.dtype)
    return bool((given == wanted) & (given.signbit() == wanted.signbit()))
