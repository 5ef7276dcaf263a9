"""Order statistics, made of sorted lines: k-th values, medians and modes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import as_line, axis, in_shape
from wasm_torch_web.ops.table import lowers
from wasm_torch_web.strides import floor_divide

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

Found = tuple["Value", "Value"]  # values, and where they were


def _sorted(b: Builder, x: Value, dim: int) -> Found:
    values, indices = b.emit("sort", [x], {"dim": dim, "descending": False})
    return values, indices


def _pick(b: Builder, a: dict[str, Any], dim: int, ordered: Found, place: Value) -> Found:
    """What lies at `place` (its axis of size 1) of the sorted lines, in the shape asked for."""
    keeps = a["keepdim"] and a["self"].rank > 0
    picked = []
    for line in ordered:
        one = b.emit("gather", [line, place], {"dim": dim})
        shape = one.shape if keeps else (*one.shape[:dim], *one.shape[dim + 1 :])
        picked.append(in_shape(b, one, shape))
    return picked[0], picked[1]


@lowers("aten.kthvalue.default")
def kthvalue(b: Builder, a: dict[str, Any]) -> Found:
    """The k-th smallest; NaN is the largest."""
    x = as_line(b, a["self"])
    dim = axis(a["dim"], x.rank)
    return _pick(b, a, dim, _sorted(b, x, dim), _same_place(b, x, dim, a["k"] - 1))


def _same_place(b: Builder, x: Value, dim: int, number: Any) -> Value:
    """One number for every line."""
    shape = (*x.shape[:dim], 1, *x.shape[dim + 1 :])
    place: Value = b.emit("full", [], {"size": shape, "value": number, "dtype": torch.int64})
    return place


def _median(b: Builder, a: dict[str, Any], ignores_nan: bool) -> Found:
    """The lower of two in the middle. NaN, sorted last, is left out or else is the median."""
    x = as_line(b, a["self"])
    dim = axis(a["dim"], x.rank)
    size = x.shape[dim]
    place = _same_place(b, x, dim, floor_divide(size - 1, 2))
    if x.dtype.is_floating_point:
        number = b.call("aten.eq.Tensor", self=x, other=x)
        numbers = b.emit("sum", [number], {"dim": (dim,), "keepdim": True})
        if ignores_nan:
            last = b.call("aten.sub.Tensor", self=numbers, other=1)
            last = b.call("aten.clamp.default", self=last, min=0)
            place = b.call("aten.__rshift__.Scalar", self=last, other=1)
        else:
            whole = b.call("aten.eq.Scalar", self=numbers, other=size)
            place = b.call("aten.where.self", condition=whole, self=place, other=numbers)
    return _pick(b, a, dim, _sorted(b, x, dim), place)


@lowers("aten.median.dim")
def median_dim(b: Builder, a: dict[str, Any]) -> Found:
    """Along an axis."""
    return _median(b, a, ignores_nan=False)


@lowers("aten.nanmedian.dim")
def nanmedian_dim(b: Builder, a: dict[str, Any]) -> Found:
    """Along an axis."""
    return _median(b, a, ignores_nan=True)


def _of_all(b: Builder, x: Value, ignores_nan: bool) -> Value:
    if x.numel == 0:
        return b.scalar(float("nan"), x.dtype)
    line = in_shape(b, x, (-1,))
    return _median(b, {"self": line, "dim": 0, "keepdim": False}, ignores_nan)[0]


@lowers("aten.median.default")
def median(b: Builder, a: dict[str, Any]) -> Value:
    """Of all elements."""
    return _of_all(b, a["self"], ignores_nan=False)


@lowers("aten.nanmedian.default")
def nanmedian(b: Builder, a: dict[str, Any]) -> Value:
    """Of all elements."""
    return _of_all(b, a["self"], ignores_nan=True)


@lowers("aten.mode.default")
def mode(b: Builder, a: dict[str, Any]) -> Found:
    """The smallest of the most frequent elements, and where the last of them was.

    In a sorted line an element's number within its run is its place less that of the run's first.
    Every NaN is a run of its own.
    """
    x = as_line(b, a["self"])
    dim = axis(a["dim"], x.rank)
    last = x.rank - 1
    lines = b.call("aten.permute.default", self=x, dims=_swapped(x.rank, dim))
    ordered = _sorted(b, lines, last)
    first = b.emit("searchsorted", [ordered[0], ordered[0]], {"right": False, "out_int32": False})
    numbers = {"size": x.shape[dim], "start": 0, "step": 1, "dtype": torch.int64}
    length = b.call("aten.sub.Tensor", self=b.emit("arange", [], numbers), other=first)
    if x.dtype.is_floating_point:
        number = b.call("aten.eq.Tensor", self=ordered[0], other=ordered[0])
        length = b.call("aten.mul.Tensor", self=length, other=number)
    place = b.emit("argmax", [length], {"dim": last, "keepdim": True})
    found = _pick(b, {**a, "keepdim": True}, last, ordered, place)
    if a["self"].rank == 0:
        return in_shape(b, found[0], ()), in_shape(b, found[1], ())
    back = [b.call("aten.permute.default", self=v, dims=_swapped(x.rank, dim)) for v in found]
    if not a["keepdim"]:
        back = [in_shape(b, v, (*v.shape[:dim], *v.shape[dim + 1 :])) for v in back]
    return back[0], back[1]


def _swapped(rank: int, dim: int) -> tuple[int, ...]:
    """All axes, `dim` and the last one exchanged."""
    order = list(range(rank))
    order[dim], order[-1] = order[-1], order[dim]
    return tuple(order)
