"""A simplified graph in, the same with int8 weights in its linear layers out.

A layer's input becomes integers in the run, each row by its own range. What the operator table says
of that is exact, so that a quantised package is verified like any other.
"""

from __future__ import annotations

from collections.abc import Iterator

from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.ops import ROWS
from wasm_torch_web.ops.quantized import MOST_DEPTH, quantize_weight, unpack
from wasm_torch_web.quantize.rounding import loss_between
from wasm_torch_web.quantize.way import Names, Ranges, Way, Weight, all_nodes

LEAST_ELEMENTS = 4096  # a smaller product takes as long as making its input integers
MOST_LOSS = 0.05  # of a row's norm; normally distributed weights lose 0.007

OPERANDS = ("weight", "scale", "sums", "bias")


def _weights(graph: Graph, ranges: Ranges) -> list[Weight]:
    """Those of linear layers."""
    nodes = list(_candidates(graph))
    others = {v for node in all_nodes(graph) if node not in nodes for v in node.inputs}
    values = dict.fromkeys(_weight(node) for node in nodes)
    return [_judge(value, value in others) for value in values]


def _apply(graph: Graph, chosen: Names, ranges: Ranges) -> None:
    made: dict[tuple[Value, Value | None], list[Value]] = {}
    for node in list(_candidates(graph)):
        weight, bias = _weight(node), node.inputs[2]
        if weight.name in chosen:
            if (weight, bias) not in made:
                made[weight, bias] = _operands(weight, bias)
            _replace(node, made[weight, bias])


def _candidates(graph: Graph) -> Iterator[Node]:
    """Linear layers of known weights."""
    for node in all_nodes(graph):
        if node.row.name == "linear":
            _, weight, bias, _ = node.inputs
            known = all(value is None or value.is_constant for value in (weight, bias))
            if known and weight is not None and int(weight.numel) >= LEAST_ELEMENTS:
                yield node


def _weight(node: Node) -> Value:
    weight = node.inputs[1]
    assert weight is not None
    return weight


def _judge(weight: Value, is_shared: bool) -> Weight:
    """`is_shared`: something else reads it, as float32."""
    data = weight.data
    assert data is not None
    size = data.numel() * data.itemsize
    if data.shape[1] > MOST_DEPTH:
        why = f"a row has more than {MOST_DEPTH:,} elements"
        return Weight(weight.name, size, size, None, DYNAMIC.name, why)
    operands = quantize_weight(data, None)
    loss = loss_between(data, unpack(*operands[:2], *data.shape))
    kept = ""
    if loss is None:
        kept = "it has elements that are not finite"
    elif loss > MOST_LOSS:
        kept = f"int8 moves a row by {loss:.1e} of its norm"
    packed = sum(operand.nbytes for operand in operands[:3])
    stored = size if kept else packed + (size if is_shared else 0)
    return Weight(weight.name, size, stored, loss, DYNAMIC.name, kept)


def _operands(weight: Value, bias: Value | None) -> list[Value]:
    """Constants; the weights of two layers that differ in bias are stored once."""
    assert weight.data is not None
    tensors = quantize_weight(weight.data, None if bias is None else bias.data)
    return [
        Value(f"{weight.name}_{name}", data.dtype, tuple(data.shape), "constant", data)
        for name, data in zip(OPERANDS, tensors, strict=True)
    ]


def _replace(node: Node, operands: list[Value]) -> None:
    input, weight, _, residual = node.inputs
    assert weight is not None
    node.row = ROWS["quantized_linear"]
    node.inputs = [input, *operands, residual]
    node.attributes = {"columns": int(weight.shape[0]), **node.attributes}


DYNAMIC = Way("dynamic", _weights, _apply)
