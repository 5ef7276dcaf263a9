"""Moves padding, additions and activations into the matrix product or convolution beside them."""

from __future__ import annotations

import math

from wasm_torch_web.ir import Node, Value, same_shape
from wasm_torch_web.ops.epilogue import ACTIVATIONS
from wasm_torch_web.passes.fuse.pattern import Reads, pattern


@pattern
def fold_padding(node: Node, reads: Reads) -> Node | None:
    """Moves a border of zeros into the convolution that reads it."""
    pad = reads.sole(node.inputs[0]) if node.row.pads_zeros else None
    border = _zero_border(pad) if pad is not None and pad.row.name == "constant_pad_nd" else None
    if pad is None or border is None:
        return None
    own = node.attributes["padding"]
    own = own if len(own) == 4 else [*own, *own]
    node.attributes["padding"] = [a + b for a, b in zip(own, border, strict=True)]
    reads.rewire(node, 0, pad.inputs[0])
    return node


@pattern
def fuse_residual(node: Node, reads: Reads) -> Node | None:
    """Adds the other operand of an addition in the epilogue."""
    if node.row.name != "add":
        return None
    for this, other in ((0, 1), (1, 0)):
        product, residual = unfinished(node.inputs[this], reads), node.inputs[other]
        if product is not None and residual is not None and _takes(product, node, residual):
            reads.rewire(product, product.row.position("residual"), residual)
            return reads.absorb(product, node)
    return None


@pattern
def fuse_activation(node: Node, reads: Reads) -> Node | None:
    """Lets the epilogue apply the activation; its parameters become `low` and `high`."""
    if node.row.name not in ACTIVATIONS:
        return None
    product = unfinished(node.inputs[0], reads)
    given = [node.attributes[a.name] for a in node.row.attributes if a.kind == "float"]
    numbers = [float(number) for number in given if isinstance(number, (int, float))]
    if product is None or len(numbers) < len(given) or node.output.dtype != product.output.dtype:
        return None
    low, high = (*numbers, *(-math.inf, math.inf)[len(numbers) :])
    product.attributes.update(activation=node.row.name, low=low, high=high)
    return reads.absorb(product, node)


def unfinished(value: Value | None, reads: Reads) -> Node | None:
    """The product that makes `value` for one reader alone, if it does not activate it yet."""
    product = reads.sole(value)
    free = product is not None and product.attributes.get("activation") == "none"
    return product if free else None


def has_residual(product: Node) -> bool:
    at = product.row.position("residual")
    return at >= 0 and product.inputs[at] is not None


def _takes(product: Node, node: Node, residual: Value) -> bool:
    return (
        product.row.position("residual") >= 0
        and not has_residual(product)
        and residual.dtype == product.output.dtype == node.output.dtype
        and same_shape(residual.shape, product.output.shape)
    )


def _zero_border(pad: Node) -> list[int] | None:
    """(top, left, bottom, right) of a padding of the last two axes with zeros, else None."""
    value, widths = pad.inputs[1], list(pad.attributes["pad"])
    if value is None or value.data is None or value.data.item() != 0:
        return None
    if any(not isinstance(w, int) or w < 0 for w in widths) or any(widths[4:]):
        return None
    left, right, top, bottom = (widths + [0] * 4)[:4]
    return [top, left, bottom, right]
