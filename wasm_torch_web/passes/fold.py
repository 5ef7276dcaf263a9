"""Evaluates what depends on constants alone, with the rows' PyTorch references."""

from __future__ import annotations

from typing import Any

import sympy
import torch

from wasm_torch_web.control import Parts
from wasm_torch_web.ir import Graph, Node, Value

# A folded result may be larger than what it was made from by at most this much (an `expand` or
# `full` of a whole mask would turn a few bytes of plan into megabytes of download).
GROWTH_BYTES = 1 << 16


def fold_constants(graph: Graph) -> int:
    """Replaces nodes of constants by constants; gives how many."""
    before = len(graph.nodes)
    kept = {value.producer for value in graph.decisive()}
    graph.nodes = [node for node in graph.nodes if node in kept or not _fold(node)]
    return before - len(graph.nodes)


def _fold(node: Node) -> bool:
    if node.row.prepares or not all(v is None or v.is_constant for v in node.inputs):
        return False
    if any(_symbolic(item) for item in node.attributes.values()):
        return False
    if any(not isinstance(size, int) for value in node.outputs for size in value.shape):
        return False
    if not _worthwhile(node):
        return False
    results = _evaluate(node)
    for value, data in zip(node.outputs, results, strict=True):
        value.kind, value.producer = "constant", None
        value.data = data.detach().contiguous()
    return True


def _evaluate(node: Node) -> tuple[torch.Tensor, ...]:
    arguments = {k: tuple(v) if isinstance(v, list) else v for k, v in node.attributes.items()}
    with torch.no_grad():
        result = node.row.reference(
            *(None if value is None else value.data for value in node.inputs), **arguments
        )
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def _symbolic(item: Any) -> bool:
    if isinstance(item, list):
        return any(_symbolic(one) for one in item)
    return isinstance(item, (sympy.Basic, Parts))


def _worthwhile(node: Node) -> bool:
    before = sum(_bytes(value) for value in node.inputs if value is not None)
    after = sum(_bytes(value) for value in node.outputs)
    return after <= before + GROWTH_BYTES


def _bytes(value: Value) -> int:
    count = 1
    for size in value.shape:
        count *= int(size)
    return count * value.dtype.itemsize
