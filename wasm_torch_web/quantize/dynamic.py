"""A simplified graph in, the same with int8 weights in its linear layers out.

A layer's input becomes integers in the run, each row by its own range. What the operator table says
of that is exact, so that a quantised package is verified like any other.
"""

from __future__ import annotations

from wasm_torch_web.control import all_subgraphs
from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.ops import ROWS
from wasm_torch_web.ops.quantized import MOST_DEPTH, quantize_weight, unpack
from wasm_torch_web.quantize.rounding import Weight, loss_between
from wasm_torch_web.quantize.spec import Spec

LEAST_ELEMENTS = 4096  # a smaller product takes as long as making its input integers
MOST_LOSS = 0.05  # of a row's norm; normally distributed weights lose 0.007

OPERANDS = ("weight", "scale", "sums", "bias")


def quantize_linear(graph: Graph, spec: Spec) -> list[Weight]:
    """Replaces `linear` by `quantized_linear`; gives the weights, and why some stay."""
    found: dict[Value, Weight] = {}
    made: dict[tuple[Value, Value | None], list[Value]] = {}
    for one in (graph, *all_subgraphs(graph)):
        for node in one.nodes:
            if not _is_candidate(node):
                continue
            _, weight, bias, _ = node.inputs
            assert weight is not None
            if weight not in found:
                found[weight] = _judge(weight, spec)
            if not found[weight].kept:
                if (weight, bias) not in made:
                    made[weight, bias] = _operands(weight, bias)
                _replace(node, made[weight, bias])
    return list(found.values())


def _is_candidate(node: Node) -> bool:
    """A linear layer of known weights."""
    if node.row.name != "linear":
        return False
    _, weight, bias, _ = node.inputs
    known = all(value is None or value.is_constant for value in (weight, bias))
    return known and weight is not None and int(weight.numel) >= LEAST_ELEMENTS


def _judge(weight: Value, spec: Spec) -> Weight:
    data = weight.data
    assert data is not None
    size = data.numel() * data.itemsize
    if spec.skips(weight.name):
        return Weight(weight.name, size, None, "skipped")
    if data.shape[1] > MOST_DEPTH:
        return Weight(weight.name, size, None, f"a row has more than {MOST_DEPTH:,} elements")
    packed, scale, _, _ = quantize_weight(data, None)
    loss = loss_between(data, unpack(packed, scale, *data.shape))
    if loss is None:
        return Weight(weight.name, size, None, "it has elements that are not finite")
    kept = f"int8 moves a row by {loss:.1e} of its norm" if loss > MOST_LOSS else ""
    return Weight(weight.name, size, loss, kept)


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
