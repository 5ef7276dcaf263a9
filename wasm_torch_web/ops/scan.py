"""Scans: running sums, products, extremes and log-sums along one axis."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import axis, cast
from wasm_torch_web.ops.samples import channels_last, corners, normal
from wasm_torch_web.ops.table import ALL, FLOATS, Case, integer, lowers, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

SUMS = (*FLOATS, torch.int64)
INT64 = (torch.int64,)


def _cases(dtypes: Sequence[torch.dtype]) -> Iterator[Case]:
    for dtype in dtypes:
        yield from (Case((normal(5, 17, dtype=dtype),), {"dim": dim}) for dim in (0, 1))
    shapes: list[tuple[tuple[int, ...], int]] = [
        ((), 0),
        ((1,), 0),
        ((0, 3), 1),
        ((3, 0), 1),
        ((2, 5, 70), 1),
        ((2, 3000), 1),
        ((40, 3, 5), 0),
    ]
    yield from (Case((normal(*shape),), {"dim": dim}) for shape, dim in shapes)
    yield Case((channels_last(normal(2, 5, 3, 7)),), {"dim": 2})
    yield from (Case((corners(9, 5),), {"dim": dim}) for dim in (0, 1))
    yield Case((torch.zeros(2, 9),), {"dim": 1})


def _scan(
    name: str,
    reference: Callable[..., Any],
    inputs: Sequence[torch.dtype],
    outputs: Sequence[torch.dtype],
    indices: bool = False,
) -> None:
    results = [tensor("output", outputs, "like")]
    row(
        name,
        inputs=[tensor("input", inputs, "dense_any")],
        outputs=[*results, tensor("indices", INT64, "like")] if indices else results,
        attributes=[integer("dim")],
        reference=reference,
        cases=lambda: _cases(inputs),
    )


_scan("cumsum", torch.cumsum, ALL, SUMS)
_scan("cumprod", torch.cumprod, ALL, SUMS)
_scan("cummax", torch.cummax, ALL, ALL, indices=True)
_scan("cummin", torch.cummin, ALL, ALL, indices=True)
_scan("logcumsumexp", torch.logcumsumexp, FLOATS, FLOATS)


def _emit(b: Builder, name: str, x: Value, dim: int) -> Any:
    return b.emit(name, [x], {"dim": axis(dim, x.rank)})


@lowers("aten.cumsum.default")
def cumsum(b: Builder, a: dict[str, Any]) -> Value:
    """Integers and bools add up in int64; `dtype` is what the input is cast to first."""
    x = cast(b, a["self"], a["dtype"])
    return cast(b, _emit(b, "cumsum", x, a["dim"]), a["dtype"])


@lowers("aten.cumprod.default")
def cumprod(b: Builder, a: dict[str, Any]) -> Value:
    """As `cumsum`."""
    x = cast(b, a["self"], a["dtype"])
    return cast(b, _emit(b, "cumprod", x, a["dim"]), a["dtype"])


@lowers("aten.cummax.default")
def cummax(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
    """The largest so far and the index of the last such; from a NaN on, NaN."""
    values, indices = _emit(b, "cummax", a["self"], a["dim"])
    return values, indices


@lowers("aten.cummin.default")
def cummin(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
    """The smallest so far; otherwise as `cummax`."""
    values, indices = _emit(b, "cummin", a["self"], a["dim"])
    return values, indices


@lowers("aten.logcumsumexp.default")
def logcumsumexp(b: Builder, a: dict[str, Any]) -> Value:
    """The logarithm of the running sum of exponentials."""
    result: Value = _emit(b, "logcumsumexp", a["self"], a["dim"])
    return result
