"""Recognises RMS and layer normalisation over one axis, written out."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from wasm_torch_web.ir import Node, Value
from wasm_torch_web.passes.fuse.pattern import Reads, is_pointwise, number, pattern

ROOTS = {"mul": "rsqrt", "div": "sqrt"}  # x * rsqrt(m), x / sqrt(m)


@pattern
def recognise_norm(node: Node, reads: Reads) -> Node | None:
    """x / sqrt(mean(x^2) + eps) is `rms_norm`; of x - mean(x) it is `layer_norm`."""
    for x, moment, eps in _over_roots(node):
        axis = _axis(moment)
        if axis is None or x.shape != node.output.shape:
            continue
        centred = _uncentred(x, axis)
        if _is_power(moment, x):
            return _normalise(node, x if centred is None else centred, centred, axis, eps, reads)
        if centred is not None and _is_variance(moment, centred):
            return _normalise(node, centred, centred, axis, eps, reads)
    return None


@pattern
def absorb_norm_weights(node: Node, reads: Reads) -> Node | None:
    """Multiplies by `weight`, then adds `bias`, in the normalisation."""
    operand = {"mul": "weight", "add": "bias"}.get(node.row.name)
    if operand is None or not is_pointwise(node):
        return None
    for norm_at, other_at in ((0, 1), (1, 0)):
        norm, other = reads.sole(node.inputs[norm_at]), node.inputs[other_at]
        at = -1 if norm is None else norm.row.position(operand)
        if norm is None or norm.row.name not in ("layer_norm", "rms_norm") or at < 0:
            continue
        weight = _of_last_axes(other, norm)
        if weight is not None and not any(norm.inputs[at:]):
            reads.rewire(norm, at, weight)
            return reads.absorb(norm, node)
    return None


def _over_roots(node: Node) -> Iterator[tuple[Value, Node, float]]:
    """(x, node of the moment, eps) of each way to read the node as x / sqrt(moment + eps)."""
    root_name = ROOTS.get(node.row.name)
    if root_name is None or not is_pointwise(node):
        return
    for x, root in (node.inputs, node.inputs[::-1])[: 2 if node.row.name == "mul" else 1]:
        made = None if root is None else root.producer
        total = made.inputs[0] if made is not None and made.row.name == root_name else None
        if x is None or total is None or total.producer is None:
            continue
        if total.producer.row.name != "add":
            continue
        for moment, eps in (total.producer.inputs, total.producer.inputs[::-1]):
            small = number(eps)
            if moment is not None and moment.producer is not None and small is not None:
                yield x, moment.producer, small


def _axis(reduction: Node) -> int | None:
    """The one axis that a reduction keeps with size 1."""
    if reduction.row.name not in ("mean", "var") or not reduction.attributes["keepdim"]:
        return None
    dims, x = reduction.attributes["dim"], reduction.inputs[0]
    return dims[0] % x.rank if len(dims) == 1 and x is not None else None


def _is_power(moment: Node, x: Value) -> bool:
    """Whether the moment is the mean of x^2."""
    made = moment.inputs[0].producer if moment.inputs[0] is not None else None
    if moment.row.name != "mean" or made is None or not is_pointwise(made):
        return False
    squares = made.row.name == "square" or made.row.name == "mul"
    return squares and all(value is x for value in made.inputs)


def _is_variance(moment: Node, x: Value) -> bool:
    named = moment.row.name == "var" and moment.attributes["correction"] == 0
    return named and moment.inputs[0] is x


def _uncentred(x: Value, axis: int) -> Value | None:
    """y, if x is y - mean(y) along the axis."""
    made = x.producer
    if made is None or made.row.name != "sub" or not is_pointwise(made):
        return None
    y, mean = made.inputs
    by = None if mean is None else mean.producer
    same = by is not None and by.row.name == "mean" and by.inputs[0] is y and _axis(by) == axis
    return y if same else None


def _normalise(
    node: Node, x: Value, centred: Value | None, axis: int, eps: float, reads: Reads
) -> Node:
    """The node becomes a normalisation of x along the axis, which is put last meanwhile."""
    row, operands = ("rms_norm", 1) if centred is None else ("layer_norm", 2)
    nothing: list[Value | None] = [None] * operands
    attributes = {"normalized_shape": [x.shape[axis]], "eps": eps}
    if axis == x.rank - 1:
        return reads.become(node, row, [x, *nothing], **attributes)
    order = [*range(axis), *range(axis + 1, x.rank), axis]
    shape = [x.shape[i] for i in order]
    moved = reads.emit("permute", [x], {"dims": order}, node, shape)
    y = reads.emit(row, [moved, *nothing], attributes, node, shape)
    return reads.become(node, "permute", [y], dims=[order.index(i) for i in range(x.rank)])


def _of_last_axes(value: Value | None, norm: Node) -> Value | None:
    """A weight for each element that is normalised, in the shape that the row takes."""
    if value is None or value.dtype != torch.float32:
        return None
    shape = tuple(norm.attributes["normalized_shape"])
    if value.shape == shape:
        return value
    padded = (*(1,) * (value.rank - len(shape)), *shape)
    if not value.is_constant or value.data is None or value.shape != padded:
        return None
    data = value.data.reshape([int(size) for size in shape])
    return Value(value.name, value.dtype, shape, "constant", data)
