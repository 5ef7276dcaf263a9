"""Runs of neighbouring rows, each reduced to one: `segment_reduce` and `embedding_bag`.

A run begins at its offset and ends before the next one. The rows of a run are joined by `scatter`
into a result with a row more at either end: what lies before the first and behind the last offset
goes there, and is cut off.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import axis, cast, expand, in_shape
from wasm_torch_web.ops.statistics import multiply, wide
from wasm_torch_web.ops.table import lowers

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

# What a run without rows gives, and what the first row of one meets.
EMPTY = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "amax": -math.inf, "amin": math.inf}


def _run_numbers(b: Builder, offsets: Value, rows: Any) -> Value:
    """offsets: (batch..., runs). The run that each of `rows` rows lies in, counted from 1; 0 before
    the first."""
    numbers = {"size": rows, "start": 0, "step": 1, "dtype": torch.int64}
    places = expand(b, b.emit("arange", [], numbers), (*offsets.shape[:-1], rows))
    flags = {"right": True, "out_int32": False}
    result: Value = b.emit("searchsorted", [cast(b, offsets, torch.int64), places], flags)
    return result


def _reduce_runs(
    b: Builder, data: Value, run: Value, runs: Any, dim: int, reduce: str, start: float
) -> Value:
    """data: (batch..., rows, rest...), run: (batch..., rows) from 0 to runs + 1."""
    shape = (*data.shape[:dim], runs + 2, *data.shape[dim + 1 :])
    index = in_shape(b, run, (*run.shape, *([1] * (data.rank - dim - 1))))
    joined = b.emit(
        "scatter",
        [expand(b, b.scalar(start, data.dtype), shape), expand(b, index, data.shape), data],
        {"dim": dim, "reduce": reduce, "include_self": True},
    )
    bounds = {"dim": dim, "start": 1, "end": runs + 1, "step": 1}
    result: Value = b.emit("slice", [joined], bounds)
    return result


def _offsets(b: Builder, lengths: Value) -> Value:
    """(batch..., runs) to (batch..., runs + 1)."""
    lengths = cast(b, lengths, torch.int64)
    ends = b.call("aten.cumsum.default", self=lengths, dim=-1)
    result: Value = b.call("aten.constant_pad_nd.default", self=ends, pad=(1, 0), value=0)
    return result


@lowers("aten.segment_reduce.default")
def segment_reduce(b: Builder, a: dict[str, Any]) -> Value | None:
    """Runs by their lengths or offsets along `axis`; a mean of no rows is NaN."""
    data, reduce = a["data"], {"max": "amax", "min": "amin"}.get(a["reduce"], a["reduce"])
    offsets = a["offsets"]
    if offsets is None:
        if a["lengths"] is None:
            return None
        offsets = _offsets(b, a["lengths"])
    dim, exact = axis(a["axis"], data.rank), wide(data.dtype)
    runs = offsets.shape[-1] - 1
    run = _run_numbers(b, offsets, data.shape[dim])
    start = EMPTY[reduce] if a["initial"] is None else float(a["initial"])
    fold = "sum" if reduce == "mean" else reduce
    result = _reduce_runs(b, cast(b, data, exact), run, runs, dim, fold, start)
    if reduce == "mean":
        result = _divide(b, result, offsets, dim, a["initial"] is not None)
    return cast(b, result, data.dtype)


def _divide(b: Builder, sums: Value, offsets: Value, dim: int, started: bool) -> Value:
    """By the number of rows: 0 / 0 where there are none, but what a sum started with stays."""
    ends = [
        b.emit("slice", [offsets], {"dim": -1, "start": i, "end": offsets.shape[-1] - 1 + i})
        for i in (0, 1)
    ]
    counts = b.call("aten.sub.Tensor", self=ends[1], other=ends[0])
    if started:
        counts = b.call("aten.clamp.default", self=counts, min=1)
    counts = in_shape(
        b, cast(b, counts, sums.dtype), (*counts.shape, *([1] * (sums.rank - dim - 1)))
    )
    result: Value = b.call("aten.div.Tensor", self=sums, other=counts)
    return result


MODES = ("sum", "mean", "amax")


@lowers("aten._embedding_bag_forward_only.default", "aten._embedding_bag.default")
def embedding_bag(b: Builder, a: dict[str, Any]) -> tuple[Value | None, ...]:
    """Sums, means or maxima of the table's rows that each bag names; bags without rows are 0.

    Of the four results the first alone is given: the others serve gradients.
    """
    weight, indices, offsets = a["weight"], a["indices"], a["offsets"]
    bags = offsets.shape[0] - (1 if a["include_last_offset"] else 0)
    bag = _run_numbers(b, offsets, indices.shape[0])
    if a["padding_idx"] >= 0:  # into the row in front, which is cut off
        used = b.call("aten.ne.Scalar", self=indices, other=a["padding_idx"])
        bag = multiply(b, bag, cast(b, used, torch.int64))
    rows = cast(b, b.emit("embedding", [weight, indices]), wide(weight.dtype))
    if a["per_sample_weights"] is not None:
        scale = cast(b, a["per_sample_weights"], rows.dtype)
        rows = multiply(b, rows, b.emit("unsqueeze", [scale], {"dim": 1}))
    mode = MODES[a["mode"]]
    start, fold = EMPTY[mode], "sum" if mode == "mean" else mode
    result = _reduce_runs(b, rows, bag, bags, 0, fold, start)
    if mode != "sum":
        ones = expand(b, b.scalar(1, rows.dtype), bag.shape)
        counts = _reduce_runs(b, ones, bag, bags, 0, "sum", 0.0)
        result = _finish(b, mode, result, b.emit("unsqueeze", [counts], {"dim": 1}))
    return cast(b, result, weight.dtype), None, None, None


def _finish(b: Builder, mode: str, result: Value, counts: Value) -> Value:
    """Means of the sums; 0 for maxima of no rows."""
    if mode == "mean":
        counts = b.call("aten.clamp.default", self=counts, min=1)
        mean: Value = b.call("aten.div.Tensor", self=result, other=counts)
        return mean
    some = b.call("aten.gt.Scalar", self=counts, other=0)
    zero = b.scalar(0, result.dtype)
    most: Value = b.call("aten.where.self", condition=some, self=result, other=zero)
    return most


@lowers("aten.embedding_renorm.default")
def embedding_renorm(b: Builder, a: dict[str, Any]) -> Value:
    """The table with the rows that are named and too long made as long as `max_norm`."""
    weight, indices = a["self"], in_shape(b, a["indices"], (-1,))
    rows = cast(b, b.emit("embedding", [weight, indices]), wide(weight.dtype))
    options = {"ord": a["norm_type"], "dim": (1,), "keepdim": True}
    norm = b.call("aten.linalg_vector_norm.default", self=rows, **options)
    most = b.scalar(float(a["max_norm"]), norm.dtype)
    # PyTorch divides by a little more than the norm.
    more = b.call("aten.add.Tensor", self=norm, other=1e-7)
    shorter = multiply(b, rows, b.call("aten.div.Tensor", self=most, other=more))
    long = b.call("aten.gt.Tensor", self=norm, other=most)
    rows = b.call("aten.where.self", condition=long, self=shorter, other=rows)
    operands = [weight, cast(b, rows, weight.dtype), indices]
    result: Value = b.emit("index_put", operands, {"axes": (0,), "accumulate": False})
    return result
