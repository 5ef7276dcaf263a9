"""Reductions over any axes: sums, products, extremes, norms, variances and where extremes lie.

Rows name their axes explicitly (counted from 0, ascending); only a 0-d input has none. Sums of
floats are float64 totals of short float32 sums; sums of integers and bools are int64.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import axes, axis, cast
from wasm_torch_web.ops.samples import channels_last, corners, normal
from wasm_torch_web.ops.table import (
    ALL,
    BOOL,
    FLOATS,
    Case,
    flag,
    integer,
    integers,
    lowers,
    real,
    row,
    tensor,
)

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

Reduction = Callable[..., torch.Tensor]


def _prod(x: torch.Tensor, dim: Sequence[int], keepdim: bool) -> torch.Tensor:
    for d in sorted(dim, reverse=True):
        x = torch.prod(x, d, keepdim)
    return x if dim else torch.prod(x)


def _arg(function: Reduction) -> Reduction:
    def reference(x: torch.Tensor, dim: int, keepdim: bool) -> torch.Tensor:
        return function(x.to(torch.uint8) if x.dtype == torch.bool else x, dim, keepdim)

    return reference


SHAPES: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((), ()),
    ((1,), (0,)),
    ((17,), (0,)),
    ((3, 15), (1,)),
    ((3, 15), (0,)),
    ((4, 5, 70), (1,)),
    ((4, 5, 3), (0, 2)),
    ((2, 3, 4, 5), (1, 2)),
    ((2, 3, 4, 5), (0, 1, 2, 3)),
    ((0, 3), (1,)),
)


def _cases(dtypes: Sequence[torch.dtype], *attributes: dict[str, Any]) -> Iterator[Case]:
    for extra in attributes or ({},):
        for i, (shape, dims) in enumerate(SHAPES):
            for dtype in dtypes if i == 3 or i == 4 else dtypes[:1]:
                yield Case(
                    (normal(*shape, dtype=dtype, seed=i),),
                    {"dim": dims, "keepdim": i % 2 == 0, **extra},
                )
        last = {"keepdim": False, **extra}
        strided = normal(5, 6, 34)[::2, 1:, ::2]
        yield Case((strided,), {"dim": (0, 2), **last})
        yield Case((strided.transpose(0, 2),), {"dim": (1,), **last})
        yield Case((normal(3, 1, 5).expand(3, 4, 5),), {"dim": (1, 2), **last})
        yield Case((channels_last(normal(2, 19, 9, 17)),), {"dim": (2, 3), **last})
        # Not so large that powers, which PyTorch adds up in float32, overflow.
        special = corners(9, 5, largest=1e9)
        yield from (Case((special,), {"dim": (dim,), **last}) for dim in (0, 1))


def _large_cases() -> Iterator[Case]:
    """Where running sums in float32 would lose digits."""
    attributes = {"keepdim": False}
    x = normal(2, 30000) + 100
    yield Case((x,), {"dim": (1,), **attributes})
    yield Case((x.t().contiguous(),), {"dim": (0,), **attributes})


def _reduction(
    name: str,
    reference: Reduction,
    inputs: Sequence[torch.dtype],
    outputs: Sequence[torch.dtype],
    cases: Callable[[], Iterator[Case]],
    *attributes: Any,
) -> None:
    row(
        name,
        inputs=[tensor("input", inputs, "strided")],
        outputs=[tensor("output", outputs)],
        attributes=[integers("dim"), flag("keepdim", False), *attributes],
        reference=reference,
        cases=cases,
    )


SUMS = (*FLOATS, torch.int64)
TRUTHS = (*BOOL, torch.uint8)

_reduction("sum", torch.sum, ALL, SUMS, lambda: iter([*_cases(ALL), *_large_cases()]))
_reduction("mean", torch.mean, FLOATS, FLOATS, lambda: iter([*_cases(FLOATS), *_large_cases()]))
_reduction("prod", _prod, ALL, SUMS, lambda: _cases(ALL))
_reduction("amax", torch.amax, ALL, ALL, lambda: _cases(ALL))
_reduction("amin", torch.amin, ALL, ALL, lambda: _cases(ALL))
_reduction("any", torch.any, ALL, TRUTHS, lambda: _cases(ALL))
_reduction("all", torch.all, ALL, TRUTHS, lambda: _cases(ALL))
_reduction(
    "var",
    torch.var,
    FLOATS,
    FLOATS,
    lambda: _cases(FLOATS, {"correction": 0.0}, {"correction": 1.0}),
    real("correction", 1.0),
)
_reduction(
    "linalg_vector_norm",
    torch.linalg.vector_norm,
    FLOATS,
    FLOATS,
    lambda: _cases(FLOATS, *({"ord": p} for p in (2.0, 1.0, 0.0, 3.0, math.inf, -math.inf))),
    real("ord", 2.0),
)


def _arg_cases() -> Iterator[Case]:
    for shape, dims in SHAPES:
        if len(dims) <= 1:
            yield Case((normal(*shape),), {"dim": sum(dims), "keepdim": False})
    for dtype in ALL:
        for dim in (0, 1):
            yield Case((normal(7, 40, dtype=dtype),), {"dim": dim, "keepdim": True})
    for x in (corners(9, 5), corners(9, 5).t(), torch.zeros(3, 70), -corners(5, 9).abs()):
        yield from (Case((x,), {"dim": dim, "keepdim": False}) for dim in (0, 1))
    yield Case((channels_last(normal(2, 21, 9, 17)),), {"dim": 1, "keepdim": False})
    yield Case((normal(2, 3000),), {"dim": 1, "keepdim": False})


for _name, _function in (("argmax", torch.argmax), ("argmin", torch.argmin)):
    row(
        _name,
        inputs=[tensor("input", ALL, "strided")],
        outputs=[tensor("output", (torch.int64,))],
        attributes=[integer("dim"), flag("keepdim", False)],
        reference=_arg(_function),
        cases=_arg_cases,
    )


def _emit(b: Builder, name: str, x: Value, a: dict[str, Any], **extra: Any) -> Value:
    dims = axes(a.get("dim"), x.rank)
    result: Value = b.emit(name, [x], {"dim": dims, "keepdim": a.get("keepdim", False), **extra})
    return result


@lowers("aten.sum.default", "aten.sum.dim_IntList")
def sum_(b: Builder, a: dict[str, Any]) -> Value:
    """Integers and bools add up in int64; `dtype` is what the input is cast to first."""
    return cast(b, _emit(b, "sum", cast(b, a["self"], a["dtype"]), a), a["dtype"])


@lowers("aten.mean.default", "aten.mean.dim")
def mean(b: Builder, a: dict[str, Any]) -> Value:
    """Of floats; `dtype` is what the input is cast to first."""
    return _emit(b, "mean", cast(b, a["self"], a["dtype"]), a)


@lowers("aten.prod.default", "aten.prod.dim_int")
def prod(b: Builder, a: dict[str, Any]) -> Value:
    """As `sum`."""
    return cast(b, _emit(b, "prod", cast(b, a["self"], a["dtype"]), a), a["dtype"])


@lowers("aten.amax.default", "aten.max.default")
def amax(b: Builder, a: dict[str, Any]) -> Value:
    """The largest; NaN where there is one."""
    return _emit(b, "amax", a["self"], a)


@lowers("aten.amin.default", "aten.min.default")
def amin(b: Builder, a: dict[str, Any]) -> Value:
    """The smallest; NaN where there is one."""
    return _emit(b, "amin", a["self"], a)


@lowers("aten.max.dim")
def max_dim(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
    """Values and the index of the first; what nobody reads is removed as dead."""
    return _emit(b, "amax", a["self"], a), argmax(b, a)


@lowers("aten.min.dim")
def min_dim(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
    """As `max_dim`."""
    return _emit(b, "amin", a["self"], a), argmin(b, a)


@lowers("aten.argmax.default")
def argmax(b: Builder, a: dict[str, Any]) -> Value:
    """The index of the first largest element (of the first NaN) along `dim`, or of all."""
    return _emit_arg(b, "argmax", a)


@lowers("aten.argmin.default")
def argmin(b: Builder, a: dict[str, Any]) -> Value:
    """The index of the first smallest element (of the first NaN) along `dim`, or of all."""
    return _emit_arg(b, "argmin", a)


def _emit_arg(b: Builder, name: str, a: dict[str, Any]) -> Value:
    x, keepdim = a["self"], a["keepdim"]
    if a["dim"] is not None:
        attributes = {"dim": axis(a["dim"], x.rank), "keepdim": keepdim}
        result: Value = b.emit(name, [x], attributes)
        return result
    flat = b.call("aten.reshape.default", self=x, shape=(-1,))
    result = b.emit(name, [flat], {"dim": 0, "keepdim": False})
    if keepdim:
        result = b.call("aten.reshape.default", self=result, shape=(1,) * x.rank)
    return result


@lowers("aten.any.default", "aten.any.dim", "aten.any.dims")
def any_(b: Builder, a: dict[str, Any]) -> Value:
    """Whether one is not 0; NaN is not."""
    return _emit(b, "any", a["self"], a)


@lowers("aten.all.default", "aten.all.dim", "aten.all.dims")
def all_(b: Builder, a: dict[str, Any]) -> Value:
    """Whether none is 0."""
    return _emit(b, "all", a["self"], a)


@lowers("aten.var.correction")
def var(b: Builder, a: dict[str, Any]) -> Value:
    """The sum of squared distances from the mean over (n - correction), which is 1 by default."""
    correction = 1.0 if a["correction"] is None else float(a["correction"])
    return _emit(b, "var", a["self"], a, correction=correction)


@lowers("aten.var_mean.correction")
def var_mean(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
    """Both; each is a row of its own."""
    return var(b, a), _emit(b, "mean", a["self"], a)


@lowers("aten.linalg_vector_norm.default")
def linalg_vector_norm(b: Builder, a: dict[str, Any]) -> Value:
    """(sum of |x|^ord)^(1 / ord); the count of non-zeros for 0, extremes of |x| for inf, -inf."""
    return _emit(b, "linalg_vector_norm", cast(b, a["self"], a["dtype"]), a, ord=float(a["ord"]))
