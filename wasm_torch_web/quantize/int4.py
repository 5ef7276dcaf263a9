"""A simplified graph in, the same with int4 weights in its linear layers out."""

from __future__ import annotations

from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.ops import ROWS
from wasm_torch_web.ops.int4 import BLOCK, matrix
from wasm_torch_web.ops.integers import padded
from wasm_torch_web.quantize.blocks import int4_weight
from wasm_torch_web.quantize.readers import (
    bias_of,
    constant,
    data_of,
    linear_layers,
    read_elsewhere,
    weight_of,
)
from wasm_torch_web.quantize.rounding import loss_between
from wasm_torch_web.quantize.way import Names, Ranges, Way, Weight

MOST_LOSS = 0.2  # of a row's norm; normally distributed weights lose 0.08

OPERANDS = ("weight", "scale", "zero")


def _weights(graph: Graph, ranges: Ranges) -> list[Weight]:
    """Those of linear layers."""
    nodes = list(linear_layers(graph))
    others = read_elsewhere(graph, nodes)
    values = dict.fromkeys(map(weight_of, nodes))
    return [_judge(value, value in others) for value in values]


def _apply(graph: Graph, chosen: Names, ranges: Ranges) -> None:
    made: dict[Value, list[Value]] = {}
    for node in linear_layers(graph):
        weight = weight_of(node)
        if weight.name in chosen:
            if weight not in made:
                made[weight] = _operands(weight)
            _replace(node, made[weight])


def _judge(weight: Value, is_shared: bool) -> Weight:
    """`is_shared`: something else reads it. That is an embedding nearly always, whose rows int4
    moves too far; it is for a way that stores both once."""
    data = data_of(weight)
    size = data.numel() * data.itemsize
    loss, kept, stored = None, "", size
    if is_shared:
        kept = "it is no linear layer's alone"
    elif data.shape[1] < BLOCK:
        kept = f"a row has less than {BLOCK} elements"
    else:
        operands = int4_weight(data)
        stored = sum(operand.nbytes for operand in operands)
        loss = loss_between(data, matrix(*operands, *data.shape))
        if loss is None:
            kept = "it has elements that are not finite"
        elif loss > MOST_LOSS:
            kept = f"int4 moves a row by {loss:.1e} of its norm"
    return Weight(weight.name, size, size if kept else stored, loss, INT4.name, kept)


def _operands(weight: Value) -> list[Value]:
    return [
        constant(f"{weight.name}_{name}", data)
        for name, data in zip(OPERANDS, int4_weight(data_of(weight)), strict=True)
    ]


def _replace(node: Node, operands: list[Value]) -> None:
    weight, bias = data_of(weight_of(node)), bias_of(node)
    offset = weight.new_zeros(len(weight)) if bias is None else data_of(bias)
    added = constant(f"{operands[0].name}_bias", padded(offset))
    node.row = ROWS["int4_linear"]
    node.inputs = [node.inputs[0], *operands, added, node.inputs[3]]
    node.attributes = {"columns": len(weight), **node.attributes}


INT4 = Way("int4", _weights, _apply)
