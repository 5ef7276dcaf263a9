"""Attention written out becomes one row, and takes scales, repeated heads and causal masks in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from wasm_torch_web.ir import Node, Value, same_shape
from wasm_torch_web.ops.attention import plain
from wasm_torch_web.passes.fuse.pattern import Reads, is_pointwise, number, pattern
from wasm_torch_web.strides import broadcast_shape

NAME = "scaled_dot_product_attention"
QUERY, KEY, VALUE, MASK = range(4)
# A score as low as this beside one that is seen has the weight 0.
HIDDEN = -1e9
HEADS_BACK = (0, 2, 1, 3)  # (B, T, H, E) to (B, H, T, E)


@dataclass(frozen=True)
class Replaced:
    """A mask that puts a number in place of scores: where `condition` is not `kept`."""

    condition: Value
    kept: bool
    fill: float


Mask = Value | Replaced  # a Value is added to the scores


@dataclass
class Scores:
    """query @ key^T * scale, then each of the masks."""

    product: Node
    scale: float = 1.0
    masks: list[Mask] = field(default_factory=list)

    def take(self, mask: Mask) -> bool:
        """One mask can be anything; several must be sums; to replace finite scores by
        -inf is to add it."""
        masks = [*self.masks, mask]
        sums = all(isinstance(m, Value) or m.fill == -math.inf for m in masks)
        fits = sums or len(masks) == 1
        self.masks = masks if fits else self.masks
        return fits


@pattern
def fuse_attention(node: Node, reads: Reads) -> Node | None:
    """softmax(query @ key^T * scale + mask) @ value."""
    softmax = reads.sole(node.inputs[0]) if node.row.name == "matmul" else None
    if softmax is None or softmax.row.name != "softmax" or softmax.attributes["log"]:
        return None
    scores = _scores(softmax.inputs[0], reads)
    value = node.inputs[1]
    if scores is None or value is None or softmax.attributes["dim"] != value.rank - 1:
        return None
    query, key = scores.product.inputs
    assert query is not None and key is not None
    if not _alike(query, key, value):
        return None
    mask, fill = _mask(scores, node, reads)
    key = _turned(key, node, reads)
    operands = [_with_rank_4(x, node, reads) for x in (query, key, value)]
    batch, heads, length, _ = operands[QUERY].shape
    shape = (batch, length, heads, value.shape[-1])
    attributes = plain(scores.scale, fill=fill, safe=softmax.attributes["safe"])
    masks = [None if mask is None else _with_rank_4(mask, node, reads)]
    y = reads.emit(NAME, [*operands, *masks], attributes, node, shape)
    if value.rank == 4:
        return reads.become(node, "permute", [y], dims=list(HEADS_BACK))
    swapped = tuple(shape[axis] for axis in HEADS_BACK)
    y = reads.emit("permute", [y], {"dims": list(HEADS_BACK)}, node, swapped)
    return reads.become(node, "squeeze", [y], dim=[0])


@pattern
def fold_attention_scale(node: Node, reads: Reads) -> Node | None:
    """Takes a factor of all queries or keys into `scale`."""
    if node.row.name != NAME:
        return None
    for index in (QUERY, KEY):
        reader, at = node, index
        made = reads.sole(node.inputs[index])
        while made is not None and made.row.view is not None:
            reader, at = made, 0
            made = reads.sole(made.inputs[0])
        factor = None if made is None else _factor(made)
        if made is not None and factor is not None:
            x, by = factor
            reads.release(made)
            reads.rewire(reader, at, x)
            node.attributes["scale"] *= by
            return node
    return None


@pattern
def group_heads(node: Node, reads: Reads) -> Node | None:
    """Keys and values that are repeated for each query head of a group are read once."""
    if node.row.name != NAME or node.attributes["enable_gqa"]:
        return None
    once = [_unrepeated(node.inputs[index]) for index in (KEY, VALUE)]
    if None in once:
        return None
    for index, grouped in zip((KEY, VALUE), once, strict=True):
        assert grouped is not None
        shape = (*grouped.shape[:2], *grouped.shape[3:])
        single = reads.emit("squeeze", [grouped], {"dim": [2]}, node, shape)
        reads.rewire(node, index, single)
    node.attributes["enable_gqa"] = True
    return node


@pattern
def recognise_causal(node: Node, reads: Reads) -> Node | None:
    """A constant mask that shows each query the keys up to its own position is `is_causal`."""
    mask = node.inputs[MASK] if node.row.name == NAME else None
    if mask is None or mask.data is None or not mask.is_constant or node.attributes["is_causal"]:
        return None
    seen = mask.data if mask.dtype == torch.bool else mask.data == 0
    added = node.attributes["fill"] if mask.dtype == torch.bool else mask.data
    hidden = ~seen & (torch.as_tensor(added) <= HIDDEN)
    query, key = node.inputs[QUERY], node.inputs[KEY]
    assert query is not None and key is not None
    if not same_shape(mask.shape[-2:], (query.shape[2], key.shape[2])):
        return None
    lower = torch.ones(seen.shape[-2:], dtype=torch.bool).tril()
    if not bool((seen == lower).all() and (hidden == ~lower).all()):
        return None
    reads.rewire(node, MASK, None)
    node.attributes["is_causal"] = True
    return node


def _scores(value: Value | None, reads: Reads) -> Scores | None:
    """Reads a softmax's input as the sum that it is, from its end."""
    made = reads.sole(value)
    if made is None:
        return None
    if made.row.name == "matmul":
        return Scores(made) if made.output.dtype == torch.float32 else None
    if not is_pointwise(made):
        return None
    factor = _factor(made)
    if factor is not None:
        scores = _scores(factor[0], reads)
        if scores is None or scores.masks:
            return None  # the factor would be the masks' too
        scores.scale *= factor[1]
        return scores
    for this, mask in _maskings(made):
        scores = _scores(made.inputs[this], reads)
        whole = scores and same_shape(made.output.shape, scores.product.output.shape)
        if scores and whole and scores.take(mask):
            return scores
    return None


def _maskings(node: Node) -> Iterator[tuple[int, Mask]]:
    """(operand that may be the scores, mask) of x + mask and where(condition, number, x)."""
    first, second = node.inputs[0], node.inputs[1] if len(node.inputs) > 1 else None
    if node.row.name == "add" and first is not None and second is not None:
        yield from ((i, m) for i, m in ((0, second), (1, first)) if m.dtype == torch.float32)
    if node.row.name == "where" and first is not None and first.dtype == torch.bool:
        for this, other in ((1, 2), (2, 1)):
            fill = number(node.inputs[other])
            if fill is not None:
                yield this, Replaced(first, this == 1, fill)


def _factor(node: Node) -> tuple[Value, float] | None:
    """(x, c) of a node that is c * x, both of one dtype."""
    if not is_pointwise(node) or node.row.name not in ("mul", "div"):
        return None
    for this, other in ((0, 1), (1, 0)):
        x, by = node.inputs[this], number(node.inputs[other])
        if x is None or by is None or x.dtype != node.output.dtype:
            continue
        if same_shape(x.shape, node.output.shape):
            if node.row.name == "mul":
                return x, by
            return (x, 1 / by) if this == 0 and by != 0 else None
    return None


def _alike(query: Value, key: Value, value: Value) -> bool:
    """Whether query (B, H, T, D), key (B, H, D, S) and value (B, H, S, E) need no broadcasting."""
    ranks = {query.rank, key.rank, value.rank}
    leading = query.shape[:-2]
    return (
        ranks <= {3, 4}
        and len(ranks) == 1
        and same_shape(key.shape[:-2], leading)
        and same_shape(value.shape[:-2], leading)
    )


def _turned(key: Value, node: Node, reads: Reads) -> Value:
    """(..., D, S) to (..., S, D)."""
    last = key.rank - 1
    dims = [*range(last - 1), last, last - 1]
    return reads.emit("permute", [key], {"dims": dims}, node, [key.shape[i] for i in dims])


def _mask(scores: Scores, node: Node, reads: Reads) -> tuple[Value | None, float]:
    """The operand that does what all masks do, and what a mask of bools puts where it is False."""
    first = scores.masks[0] if scores.masks else None
    if isinstance(first, Replaced) and len(scores.masks) == 1:
        if first.kept:
            return first.condition, first.fill
        return _chosen(first.condition, torch.tensor((False, True)), node, reads), first.fill
    total: Value | None = None
    for mask in scores.masks:
        if isinstance(mask, Replaced):
            numbers = torch.tensor((0.0, -math.inf) if mask.kept else (-math.inf, 0.0))
            mask = _chosen(mask.condition, numbers, node, reads)
        if total is not None:
            shape = broadcast_shape((total.shape, mask.shape))
            mask = reads.emit("add", [total, mask], _computed(mask.dtype), node, shape)
        total = mask
    return total, -math.inf


def _chosen(condition: Value, either: torch.Tensor, node: Node, reads: Reads) -> Value:
    """The first of two constants where the condition holds, the second elsewhere."""
    name, shape = f"{condition.name}__mask", condition.shape
    first, second = either.unbind()
    if condition.is_constant and condition.data is not None:
        data = torch.where(condition.data, first, second)
        return Value(name, either.dtype, shape, "constant", data)
    scalars = [Value(name, either.dtype, (), "constant", x) for x in (first, second)]
    inputs = [condition, *scalars]
    return reads.emit("where", inputs, _computed(either.dtype), node, shape, either.dtype)


def _computed(dtype: torch.dtype) -> dict[str, torch.dtype]:
    """Attributes of a pointwise row."""
    return {"compute": torch.int64 if dtype == torch.bool else dtype, "dtype": dtype}


def _with_rank_4(x: Value, node: Node, reads: Reads) -> Value:
    if x.rank != 3:
        return x
    return reads.emit("unsqueeze", [x], {"dim": 0}, node, (1, *x.shape), x.dtype)


def _unrepeated(value: Value | None) -> Value | None:
    """(B, K, 1, S, D) of a value that repeats each of K heads: reshape(expand(...))."""
    flat = None if value is None else value.producer
    wide = flat.inputs[0] if flat is not None and flat.row.name == "reshape" else None
    expand = None if wide is None else wide.producer
    if value is None or wide is None or expand is None or expand.row.name != "expand":
        return None
    source = expand.inputs[0]
    if source is None or source.rank != 5 or wide.rank != 5 or source.shape[2] != 1:
        return None
    b, k, groups, s, d = wide.shape
    fits = same_shape(source.shape, (b, k, 1, s, d))
    return source if fits and same_shape(value.shape, (b, k * groups, s, d)) else None
