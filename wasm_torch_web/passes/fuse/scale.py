"""Multiplies what is constant for each output channel into the weights of a product."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from wasm_torch_web.ir import Node, Value, same_shape
from wasm_torch_web.passes.fuse.pattern import Reads, is_pointwise, pattern
from wasm_torch_web.passes.fuse.product import has_residual, unfinished

WEIGHT, BIAS = 1, 2  # operands of every product


@dataclass
class Affine:
    """x * factor + shift, a number for each output channel, in float64."""

    factor: torch.Tensor
    shift: torch.Tensor


@pattern
def fold_scale(node: Node, reads: Reads) -> Node | None:
    """Folds a batch norm, or an operation with constants, into the product before it."""
    for index, value in enumerate(node.inputs[:2]):
        product = unfinished(value, reads)
        if product is None or product.row.channels is None:
            continue
        affine = _affine(node, index, product)
        if affine is not None and _takes(product, affine, node, reads):
            _apply(affine, product, reads)
            return reads.absorb(product, node)
    return None


def _affine(node: Node, index: int, product: Node) -> Affine | None:
    """What the node does to operand `index`, which the product makes."""
    assert product.row.channels is not None
    axis = product.row.channels[1] % product.output.rank
    if node.row.name == "batch_norm":
        scale, shift = node.inputs[1:]
        whole = index == 0 and axis == 1 and _is_constant(scale) and _is_constant(shift)
        return Affine(_numbers(scale), _numbers(shift)) if whole else None
    if not is_pointwise(node) or len(node.inputs) != 2:
        return None
    c = _for_channels(node.inputs[1 - index], axis, product)
    if c is None or not same_shape(node.output.shape, product.output.shape):
        return None
    one, zero = torch.ones_like(c), torch.zeros_like(c)
    affine = {
        ("mul", 0): Affine(c, zero),
        ("mul", 1): Affine(c, zero),
        ("div", 0): Affine(1 / c, zero),
        ("add", 0): Affine(one, c),
        ("add", 1): Affine(one, c),
        ("sub", 0): Affine(one, -c),
        ("sub", 1): Affine(-one, c),
    }
    return affine.get((node.row.name, index))


def _for_channels(value: Value | None, axis: int, product: Node) -> torch.Tensor | None:
    """A constant as one number for each channel, if it is the same along all other axes."""
    channels, rank = product.output.shape[axis], product.output.rank
    if value is None or not _is_constant(value) or not isinstance(channels, int):
        return None
    own = axis - rank + value.rank
    flat = _numbers(value).reshape(-1)
    if value.numel == 1:
        return flat.expand(channels)
    return flat if own >= 0 and value.shape[own] == value.numel == channels else None


def _takes(product: Node, affine: Affine, node: Node, reads: Reads) -> bool:
    """Whether all is constant; weights that others read too are scaled for a batch norm alone."""
    weight, bias = product.inputs[WEIGHT : BIAS + 1]
    if not _is_constant(weight) or not (bias is None or _is_constant(bias)):
        return False
    scales = bool((affine.factor != 1).any())
    unshared = reads.count[weight] == 1 or node.row.name == "batch_norm"
    return not scales or (unshared and not has_residual(product))


def _apply(affine: Affine, product: Node, reads: Reads) -> None:
    weight, bias = product.inputs[WEIGHT : BIAS + 1]
    assert product.row.channels is not None and weight is not None
    axis = product.row.channels[0]
    spread = affine.factor.reshape([-1 if i == axis else 1 for i in range(weight.rank)])
    if bool((affine.factor != 1).any()):
        scaled = _constant(weight.name, _numbers(weight) * spread)
        reads.rewire(product, WEIGHT, scaled)
    start = torch.zeros_like(affine.shift) if bias is None else _numbers(bias)
    name = f"{weight.name}__bias" if bias is None else bias.name
    shifted = _constant(name, start * affine.factor + affine.shift)
    reads.rewire(product, BIAS, shifted)


def _is_constant(value: Value | None) -> bool:
    return value is not None and value.is_constant and value.data is not None


def _numbers(constant: Value | None) -> torch.Tensor:
    assert constant is not None and constant.data is not None
    return constant.data.double()


def _constant(name: str, numbers: torch.Tensor) -> Value:
    return Value(name, torch.float32, tuple(numbers.shape), "constant", numbers.float())
