"""Scaled dot product attention: queries, keys and values in, heads side by side out."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.arguments import in_float32
from wasm_torch_web.ops.samples import normal
from wasm_torch_web.ops.table import (
    BOOL,
    F32,
    Attributes,
    Case,
    Shapes,
    flag,
    lowers,
    real,
    row,
    tensor,
)

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def _reference(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None,
    is_causal: bool,
    scale: float,
    enable_gqa: bool,
    fill: float,
    safe: bool,
) -> torch.Tensor:
    if safe and fill == -math.inf:
        y = F.scaled_dot_product_attention(
            query, key, value, attn_mask, is_causal=is_causal, scale=scale, enable_gqa=enable_gqa
        )
        return y.transpose(1, 2)
    if enable_gqa:
        key, value = (x.repeat_interleave(query.shape[1] // x.shape[1], 1) for x in (key, value))
    scores = query @ key.mT * scale
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attn_mask, fill)
    elif attn_mask is not None:
        scores = scores + attn_mask
    if is_causal:
        scores = scores.masked_fill(scores.new_ones(scores.shape[2:]).tril() == 0, -math.inf)
    weights = torch.ops.aten._safe_softmax(scores, -1) if safe else scores.softmax(-1)
    return (weights @ value).transpose(1, 2)


def _flops(inputs: Shapes, outputs: Shapes, attributes: Attributes) -> Any:
    batch, heads, time, depth = inputs[0]
    return 2 * batch * heads * time * inputs[1][2] * (depth + inputs[2][3])


def plain(scale: float, **others: Any) -> dict[str, Any]:
    """Attributes of attention as torch has it, without a causal mask; `others` differ."""
    causal = {"is_causal": False, "enable_gqa": False}
    return {"scale": scale, **causal, "fill": -math.inf, "safe": True, **others}


def _cases() -> Iterator[Case]:
    def case(
        q: tuple[int, ...],
        kv: tuple[int, ...],
        mask: torch.Tensor | None = None,
        depth: int | None = None,
        **attributes: Any,
    ) -> Case:
        v = normal(*kv[:3], depth or kv[3], seed=2)
        attributes = plain(q[3] ** -0.5) | attributes
        return Case((normal(*q), normal(*kv, seed=1), v, mask), attributes)

    for t, s, d in ((1, 1, 1), (3, 5, 4), (15, 17, 8), (50, 49, 20), (5, 130, 16)):
        yield case((2, 3, t, d), (2, 3, s, d))
    yield case((1, 2, 17, 17), (1, 2, 17, 17), is_causal=True)
    yield case((1, 2, 60, 8), (1, 2, 40, 8), is_causal=True)
    yield case((1, 2, 5, 8), (1, 2, 40, 8), is_causal=True)
    yield case((1, 1, 9, 8), (1, 1, 7, 8), depth=13, scale=0.7)
    yield case((2, 2, 4, 7), (2, 2, 300, 7), normal(4, 300, seed=3), depth=9, scale=-1.5)
    yield case((2, 6, 1, 8), (2, 2, 131, 8), enable_gqa=True)
    yield case((2, 6, 2, 8), (2, 2, 131, 8), normal(2, 131, seed=3), enable_gqa=True)
    yield case((1, 2, 7, 24), (1, 2, 7, 24), is_causal=True)
    yield case((1, 2, 9, 300), (1, 2, 600, 300))
    yield case((2, 6, 9, 8), (2, 2, 7, 8), enable_gqa=True)
    yield case((1, 2, 9, 8), (1, 2, 7, 8), normal(9, 7, seed=3))
    yield case((2, 2, 9, 8), (2, 2, 7, 8), normal(2, 1, 1, 7, seed=3))
    yield case((2, 2, 9, 8), (2, 2, 7, 8), normal(2, 2, 7, 9, seed=3).transpose(2, 3))
    yield case((2, 2, 3, 8), (2, 2, 7, 8), normal(2, 1, 1, 7, seed=3).expand(2, 2, 3, 7))
    kept = normal(2, 1, 9, 7, dtype=torch.bool, seed=3)
    kept[0, 0, 4] = False
    yield case((2, 2, 9, 8), (2, 2, 7, 8), kept)
    for fill, safe in ((-math.inf, False), (-1e9, False), (-1e9, True)):
        yield case((2, 2, 9, 8), (2, 2, 7, 8), kept, scale=40.0, fill=fill, safe=safe)
    yield case((2, 4, 1, 8), (2, 2, 7, 8), kept[:, :, 4:5], enable_gqa=True, fill=0.5, safe=False)
    lowest = torch.zeros(9, 7).masked_fill(~kept[0, 0], torch.finfo().min)
    yield case((2, 2, 9, 8), (2, 2, 7, 8), lowest)
    yield case((2, 2, 9, 8), (2, 2, 7, 8), lowest, safe=False, is_causal=True)
    floats = torch.zeros(9, 7).masked_fill(~kept[0, 0], -math.inf)
    yield case((2, 2, 9, 8), (2, 2, 7, 8), floats)
    yield case((2, 2, 9, 8), (2, 2, 7, 8), floats, safe=False)
    yield case((2, 2, 1, 8), (2, 2, 7, 8), floats[4], safe=False)
    floats = floats.clone()
    floats[2, 3] = math.nan
    yield case((2, 2, 9, 8), (2, 2, 7, 8), floats)
    yield case((2, 0, 3, 4), (2, 0, 5, 4))
    yield case((1, 2, 0, 4), (1, 2, 5, 4))
    yield case((1, 2, 3, 4), (1, 2, 0, 4))
    heads = normal(2, 9, 3, 8).transpose(1, 2)
    yield Case((heads, heads * 2, heads + 1, None), plain(0.25))
    yield Case((heads * 30, heads, heads, None), plain(0.25))
    for time in (3, 20):
        joint = normal(2, time, 3, 4, 16).permute(2, 0, 3, 1, 4)
        yield Case((*joint, None), plain(0.25))
    yield Case((normal(1, 2, 3, 0), normal(1, 2, 5, 0), normal(1, 2, 5, 4), None), plain(0.25))


row(
    "scaled_dot_product_attention",
    # query (B, H, T, D), key (B, K, S, D), value (B, K, S, E), mask broadcast to (B, H, T, S).
    inputs=[
        tensor("query", F32, "rows"),
        tensor("key", F32, "strided"),
        tensor("value", F32, "strided"),
        tensor("attn_mask", (*F32, *BOOL), "strided", optional=True),
    ],
    # (B, T, H, E): what comes next is nearly always the transpose back and a reshape.
    outputs=[tensor("output", F32)],
    # fill: what a score becomes where a mask of bools is False. safe: where all scores of a query
    # are -inf (masked) the result is 0 instead of NaN.
    attributes=[
        flag("is_causal", False),
        real("scale"),
        flag("enable_gqa", False),
        real("fill", -math.inf),
        flag("safe", True),
    ],
    reference=_reference,
    flops=_flops,
    cases=_cases,
)


@lowers("aten.scaled_dot_product_attention.default")
@in_float32
def scaled_dot_product_attention(b: Builder, a: dict[str, Any]) -> Any:
    """The kernel takes float32 on three or four axes, and drops nothing."""
    query, key, value, mask = a["query"], a["key"], a["value"], a["attn_mask"]
    depth, rank = query.shape[-1], query.rank
    scale = a["scale"]
    if scale is None:
        if not isinstance(depth, int):
            return None
        scale = 1 / math.sqrt(depth) if depth else 1.0
    ranks = {rank, key.rank, value.rank}
    if (
        a["dropout_p"] != 0
        or query.dtype != torch.float32
        or ranks not in ({2}, {3}, {4})
        or (mask is not None and mask.rank > 4)
    ):
        return _written_out(b, a, scale)
    for _ in range(4 - rank):
        query, key, value = (b.emit("unsqueeze", [x], {"dim": 0}) for x in (query, key, value))
    heads = key.shape[1] if a["enable_gqa"] else query.shape[1]
    key, value = (_expanded(b, x, query.shape[0], heads) for x in (key, value))
    attributes = plain(scale, is_causal=a["is_causal"], enable_gqa=a["enable_gqa"])
    y = b.emit("scaled_dot_product_attention", [query, key, value, mask], attributes)
    y = b.emit("permute", [y], {"dims": (0, 2, 1, 3)})
    for _ in range(4 - rank):
        y = b.emit("squeeze", [y], {"dim": (0,)})
    return y


def _expanded(b: Builder, x: Value, batch: Any, heads: Any) -> Any:
    if (batch, heads) == (x.shape[0], x.shape[1]):
        return x
    return b.emit("expand", [x], {"size": (batch, heads, -1, -1)})


def _written_out(b: Builder, a: dict[str, Any], scale: float) -> Any:
    """Any number of axes, float64 and dropout: of products and a softmax."""
    query, key, value, mask = a["query"], a["key"], a["value"], a["attn_mask"]
    if a["enable_gqa"]:
        key, value = (_repeated(b, x, query.shape[-3]) for x in (key, value))
    dims = (*range(key.rank - 2), key.rank - 1, key.rank - 2)
    keys = b.emit("permute", [key], {"dims": dims})
    scores = b.call("aten.matmul.default", self=query, other=keys)
    scores = b.call("aten.mul.Tensor", self=scores, other=scale)
    if a["is_causal"]:
        mask = _causal(b, query.shape[-2], key.shape[-2])
    if mask is not None and mask.dtype == torch.bool:
        low = b.scalar(-math.inf, scores.dtype)
        scores = b.call("aten.where.self", condition=mask, self=scores, other=low)
    elif mask is not None:
        scores = b.call("aten.add.Tensor", self=scores, other=mask)
    weights = b.emit("softmax", [scores], {"dim": scores.rank - 1, "safe": True})
    if a["dropout_p"] != 0:
        weights = _dropped(b, weights, a["dropout_p"])
    return b.call("aten.matmul.default", self=weights, other=value)


def _dropped(b: Builder, weights: Value, p: float) -> Value:
    """Each weight is 0 with probability p; the others are larger by as much."""
    kept = b.call("aten.bernoulli.p", self=weights, p=1 - p)
    kept = b.call("aten.mul.Tensor", self=kept, other=1 / (1 - p) if p < 1 else 0.0)
    result: Value = b.call("aten.mul.Tensor", self=weights, other=kept)
    return result


def _causal(b: Builder, queries: Any, keys: Any) -> Value:
    """(T, S) bools: whether a query sees a key."""
    rows, columns = (
        b.emit("arange", [], {"size": size, "dtype": torch.int64}) for size in (queries, keys)
    )
    rows = b.emit("unsqueeze", [rows], {"dim": 1})
    result: Value = b.call("aten.ge.Tensor", self=rows, other=columns)
    return result


def _repeated(b: Builder, x: Value, heads: Any) -> Value:
    """(..., K, S, D) to as many heads as queries have, each repeated."""
    count = heads // x.shape[-3]
    wide = b.emit("unsqueeze", [x], {"dim": x.rank - 2})
    size = (*x.shape[:-2], count, *x.shape[-2:])
    wide = b.emit("expand", [wide], {"size": size})
    shape = (*x.shape[:-3], heads, *x.shape[-2:])
    result: Value = b.call("aten.reshape.default", self=wide, shape=shape)
    return result
