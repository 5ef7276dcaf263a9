"""Products with constants that are integers: they stay so, in the files and in memory."""

from __future__ import annotations

import torch
from torch import Tensor

from wasm_torch_web.ir import Node, Value, same_shape
from wasm_torch_web.ops.integer_weights import BYTES, MOST_DEPTH, pack_columns
from wasm_torch_web.ops.integers import by_panel, pack, padded
from wasm_torch_web.ops.quantized_convolution import by_taps
from wasm_torch_web.passes.fuse.pattern import Reads, pattern


@pattern
def keep_integers(node: Node, reads: Reads) -> Node | None:
    """A linear layer of integers, on bytes that are as good as floats or on floats."""
    if node.row.name != "linear":
        return None
    input, weight, bias, residual = node.inputs
    assert input is not None and weight is not None
    known = _integers(weight)
    offset = None if known is None else _offset(bias, len(known[0]))
    if known is None or offset is None or residual is not None:
        return None
    q, scale, zero = known
    activation = {name: node.attributes[name] for name in ("activation", "low", "high")}
    columns = {"columns": len(q), **activation}
    left = _bytes(input)
    if left is not None and scale.shape[1] == 1 and not zero.any() and q.shape[1] <= MOST_DEPTH:
        whole, row_scale, row_zero = left
        sums = padded(q.sum(1, dtype=torch.int32))
        operands = (pack(q), sums, padded(scale[:, 0]), padded(offset))
        inputs = [whole, *_constants(weight, operands), row_scale, row_zero]
        return reads.become(node, "integer_linear", inputs, **columns)
    group = q.shape[1] // scale.shape[1]
    pairs = group % 2 == 0 or scale.shape[1] == 1  # two weights of 4 bits lie in one group
    bits = 4 if pairs and int(q.min()) >= -8 and int(q.max()) < 8 else 8
    operands = (pack_columns(q, bits), by_panel(scale), by_panel(zero), padded(offset))
    given: list[Value | None] = [input, *_constants(weight, operands), None]
    return reads.become(node, "weight_only_linear", given, group=group, **columns)


@pattern
def keep_images(node: Node, reads: Reads) -> Node | None:
    """A convolution of integers, on bytes with one scale that are as good as floats."""
    if node.row.name != "conv2d" or node.attributes["groups"] != 1:
        return None
    input, weight, bias, residual = node.inputs
    assert input is not None and weight is not None
    left, made = _bytes(input), weight.producer
    if left is None or left[1].numel != 1 or made is None or made.row.name != "dequantize_weight":
        return None
    known = _integers(weight)
    offset = None if known is None else _offset(bias, len(known[0]))
    if known is None or offset is None:
        return None
    q, scale, zero = known
    if scale.shape[1] != 1 or zero.any() or q[0].numel() > MOST_DEPTH:
        return None
    attributes = {name: item for name, item in node.attributes.items() if name != "groups"}
    matrix = by_taps(q, attributes["dilation"])
    sums = padded(matrix.flatten(1).sum(1, dtype=torch.int32))
    operands = (pack(matrix), padded(scale[:, 0]), sums, padded(offset))
    inputs = [left[0], *_constants(weight, operands), residual, *left[1:]]
    sizes = {"columns": len(q), "kernel": tuple(q.shape[1:3])}
    return reads.become(node, "integer_conv2d", inputs, **sizes, **attributes)


@pattern
def turn_integers(node: Node, reads: Reads) -> Node | None:
    """The permutation of a weight that becomes floats at load is one of its integers."""
    value = node.inputs[0] if node.row.name == "permute" else None
    made = value.producer if value is not None else None
    if made is None or made.row.name != "dequantize_weight" or node.attributes["dims"][0] != 0:
        return None
    q, scale, zero = made.inputs
    if q is None or q.data is None or scale is None or int(scale.shape[1]) != 1:
        return None
    turned = q.data.permute(*node.attributes["dims"]).contiguous()
    (constant,) = _constants(node.output, (turned,))
    return reads.become(node, "dequantize_weight", [constant, scale, zero])


def _offset(bias: Value | None, rows: int) -> Tensor | None:
    """The bias, zeros where there is none; None where the run computes it."""
    return torch.zeros(rows) if bias is None else bias.data


def _integers(weight: Value) -> tuple[Tensor, Tensor, Tensor] | None:
    """(N, K) int8 that a weight is made of, and scales and zero points (N, groups)."""
    made = weight.producer
    if made is None:
        return None
    if made.row.name == "dequantize_weight":
        q, scale, zero = (None if value is None else value.data for value in made.inputs)
        if q is None or scale is None or zero is None or q.dtype != torch.int8:
            return None
        return q, scale, zero
    q = _cast_of(made)
    return None if q is None else (q, torch.ones(len(q), 1), torch.zeros(len(q), 1).to(torch.int8))


def _cast_of(node: Node | None) -> Tensor | None:
    """The int8 matrix of which a node, and those before it, make floats, turned over or not."""
    turned = False
    while node is not None and node.row.name in ("cast", "permute"):
        if node.row.name == "cast" and node.output.dtype != torch.float32:
            return None  # an integer of another kind may be another number
        turned ^= node.row.name == "permute" and tuple(node.attributes["dims"]) == (1, 0)
        source = node.inputs[0]
        assert source is not None
        if source.is_constant:
            if source.data is None or source.dtype != torch.int8 or not source.data.numel():
                return None
            return source.data.t().contiguous() if turned else source.data
        node = source.producer
    return None


def _bytes(value: Value) -> tuple[Value, Value, Value] | None:
    """What floats were made of as (bytes - zero) * scale: bytes, scale and zero, which is one
    number or one for each row."""
    times = value.producer
    if times is None or times.row.name != "mul":
        return None
    moved, scale = times.inputs
    assert moved is not None and scale is not None
    zero: Value | None = None
    made = moved.producer
    if made is not None and made.row.name == "sub":
        moved, zero = made.inputs
        made = None if moved is None else moved.producer
    if made is None or made.row.name != "cast" or made.inputs[0] is None:
        return None
    whole = made.inputs[0]
    if zero is None:
        zero = Value("zero", scale.dtype, scale.shape, "constant", torch.zeros(()))
    fits = all(_is_of_rows(each, value) for each in (scale, zero)) and whole.dtype in BYTES
    return (whole, scale, zero) if fits and same_shape(scale.shape, zero.shape) else None


def _is_of_rows(number: Value, x: Value) -> bool:
    if number.dtype != torch.float32:
        return False
    return number.numel == 1 or same_shape(number.shape, (*x.shape[:-1], 1))


def _constants(weight: Value, tensors: tuple[Tensor, ...]) -> list[Value]:
    names = ("weight", "first", "second", "bias")
    return [
        Value(f"{weight.name}_{name}", data.dtype, tuple(data.shape), "constant", data)
        for name, data in zip(names, tensors, strict=False)
    ]
