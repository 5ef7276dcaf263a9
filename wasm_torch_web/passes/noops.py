"""Removes nodes that give back what they got."""

from __future__ import annotations

import torch

from wasm_torch_web.ir import Graph, Node, Value, same_shape

# Rows whose output is their input when dtype and shape are unchanged.
_CONVERSIONS = {"cast", "copy", "alias", "reshape", "expand"}
# Rows that are the identity when the other operand is all of this number.
_NEUTRAL = {"add": 0, "sub": 0, "mul": 1, "div": 1}


def remove_noops(graph: Graph) -> int:
    """Lets readers of a no-op read its input; gives how many were found."""
    found = 0
    for node in graph.nodes:
        source = _source(node)
        if source is not None:
            graph.replace(node.output, source)
            found += 1
    return found


def _source(node: Node) -> Value | None:
    """The input that the node's output equals, or None."""
    if not node.inputs or node.inputs[0] is None:
        return None
    first, output = node.inputs[0], node.output
    if first.dtype != output.dtype or not same_shape(first.shape, output.shape):
        return None
    name = node.row.name
    if name in _CONVERSIONS:
        return first
    if name == "permute" and list(node.attributes["dims"]) == list(range(first.rank)):
        return first
    other = node.inputs[1] if len(node.inputs) == 2 else None
    if name in _NEUTRAL and other is not None and _all_equal(other, _NEUTRAL[name]):
        # -0.0 + 0 is 0.0, so adding zero is only an identity for integers.
        exact = name in ("mul", "div", "sub") or not first.dtype.is_floating_point
        return first if exact else None
    return None


def _all_equal(value: Value, number: int) -> bool:
    if value.data is None or not value.is_constant or value.data.numel() != 1:
        return False
    return bool(value.data.reshape(()) == torch.tensor(number, dtype=value.dtype))
