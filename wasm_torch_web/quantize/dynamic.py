"""A simplified graph in, the same with int8 weights in its linear layers and embeddings out.

A linear layer's input becomes integers in the run, each row by its own range. What the operator
table says of that is exact, so that a quantised package is verified like any other. A table that is
read by both is stored once.
"""

from __future__ import annotations

import torch

from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.ops import ROWS
from wasm_torch_web.ops.integers import MOST_DEPTH, packed, round_rows
from wasm_torch_web.quantize.readers import (
    bias_of,
    constant,
    data_of,
    read_elsewhere,
    readers,
    weight_of,
)
from wasm_torch_web.quantize.rounding import loss_between
from wasm_torch_web.quantize.way import Names, Ranges, Way, Weight

MOST_LOSS = 0.05  # of a row's norm; normally distributed weights lose 0.007

READERS = ("linear", "embedding")


def _weights(graph: Graph, ranges: Ranges) -> list[Weight]:
    """Those of linear layers and embeddings."""
    nodes = list(_candidates(graph))
    others = read_elsewhere(graph, nodes)
    values = dict.fromkeys(map(weight_of, nodes))
    return [_judge(value, value in others) for value in values]


def _apply(graph: Graph, chosen: Names, ranges: Ranges) -> None:
    made: dict[tuple[Value, Value | None], list[Value]] = {}
    for node in list(_candidates(graph)):
        weight, bias = weight_of(node), bias_of(node)
        if weight.name in chosen:
            if (weight, bias) not in made:
                made[weight, bias] = _operands(weight, bias)
            _replace(node, made[weight, bias])


def _candidates(graph: Graph) -> list[Node]:
    return [node for node in readers(graph, *READERS) if weight_of(node).dtype == torch.float32]


def _judge(weight: Value, is_shared: bool) -> Weight:
    """`is_shared`: something else reads it, as float32."""
    data = data_of(weight)
    size = data.numel() * data.itemsize
    if data.shape[1] > MOST_DEPTH:
        why = f"a row has more than {MOST_DEPTH:,} elements"
        return Weight(weight.name, size, size, None, DYNAMIC.name, why)
    whole, scale = round_rows(data)
    loss = loss_between(data, whole * scale[:, None])
    kept = ""
    if loss is None:
        kept = "it has elements that are not finite"
    elif loss > MOST_LOSS:
        kept = f"int8 moves a row by {loss:.1e} of its norm"
    stored = size if kept else whole.nbytes + 2 * scale.nbytes + (size if is_shared else 0)
    return Weight(weight.name, size, stored, loss, DYNAMIC.name, kept)


def _operands(weight: Value, bias: Value | None) -> list[Value]:
    """Constants; the weights of two layers that differ in bias are stored once."""
    tensors = packed(data_of(weight), None if bias is None else bias.data)
    return [constant(f"{weight.name}_{name}", data) for name, data in tensors._asdict().items()]


def _replace(node: Node, operands: list[Value]) -> None:
    rows, width = map(int, weight_of(node).shape)
    if node.row.name == "embedding":
        node.inputs = [*operands[:2], node.inputs[1]]
        node.attributes = {"rows": rows, "width": width}
    else:
        node.inputs = [node.inputs[0], *operands, node.inputs[3]]
        node.attributes = {"columns": rows, **node.attributes}
    node.row = ROWS[f"quantized_{node.row.name}"]


DYNAMIC = Way("dynamic", _weights, _apply)
