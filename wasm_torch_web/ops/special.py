"""Pointwise special functions (gamma, error, Bessel), and the parts of floats."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.pointwise import (
    DOUBLE,
    Promotion,
    computes_in,
    emit,
    lower_as,
    pointwise,
    promote,
    promoted,
)
from wasm_torch_web.ops.samples import corners
from wasm_torch_web.ops.table import FLOATS, Case, lowers

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

_INT_TO_FLOAT = Promotion.INT_TO_FLOAT
# Row: its meaning, and aten's name for it.
FUNCTIONS: dict[str, tuple[Callable[..., torch.Tensor], str]] = {
    "erfcx": (torch.special.erfcx, "special_erfcx"),
    "erfinv": (torch.erfinv, "erfinv"),
    "ndtri": (torch.special.ndtri, "special_ndtri"),
    "lgamma": (torch.lgamma, "lgamma"),
    "digamma": (torch.digamma, "digamma"),
    "i0": (torch.i0, "i0"),
    "i0e": (torch.special.i0e, "special_i0e"),
    "i1": (torch.special.i1, "special_i1"),
    "i1e": (torch.special.i1e, "special_i1e"),
}
for _name, (_function, _aten) in FUNCTIONS.items():
    pointwise(_name, _function, computes=DOUBLE)
    lower_as(_name, f"aten.{_aten}.default", promotion=_INT_TO_FLOAT)

pointwise(
    "polygamma", lambda x, n: torch.polygamma(int(n), x), computes=DOUBLE, parameters={"n": 2.0}
)
pointwise("igamma", torch.igamma, "input other", DOUBLE)
pointwise("igammac", torch.igammac, "input other", DOUBLE)
lower_as("igamma", "aten.igamma.default", operands="self other")
lower_as("igammac", "aten.igammac.default", operands="self other")


@lowers("aten.polygamma.default")
def polygamma(b: Builder, a: dict[str, Any]) -> Value:
    """The n-th derivative of digamma."""
    return promote(b, "polygamma", [a["self"]], _INT_TO_FLOAT, n=a["n"])


pointwise("mantissa", lambda x: torch.frexp(x).mantissa, computes=DOUBLE)
pointwise("exponent", lambda x: torch.frexp(x).exponent, computes=DOUBLE)


@lowers("aten.frexp.Tensor")
def frexp(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
    """(fraction, exponent) of x = fraction 2^exponent, the fraction from 1/2 to 1."""
    x: Value = a["self"]
    compute = computes_in(x.dtype)
    return (
        emit(b, "mantissa", [x], compute, x.dtype),
        emit(b, "exponent", [x], compute, torch.int32),
    )


def _format(dtype: torch.dtype) -> dict[str, float]:
    """Binary digits, and the exponent of the smallest normal number."""
    limits = torch.finfo(dtype)
    return {"digits": 1 - math.log2(limits.eps), "least": math.log2(limits.smallest_normal)}


_FORMATS = {dtype: _format(dtype) for dtype in FLOATS}


def _next(x: torch.Tensor, y: torch.Tensor, **format: float) -> torch.Tensor:
    (dtype,) = (dtype for dtype, one in _FORMATS.items() if one == format)
    return torch.nextafter(x.to(dtype), y.to(dtype)).to(x.dtype)


def _next_cases() -> Iterator[Case]:
    for dtype, format in _FORMATS.items():
        attributes = {"compute": torch.float64, "dtype": dtype, **format}
        x, y = (corners(151, dtype=dtype, seed=seed) for seed in (0, 1))
        yield Case((x, y), attributes)
        yield Case((x, y.roll(5)), attributes)
        yield Case((torch.exp2(x.nan_to_num().clamp(-9, 9).round()), y), attributes)
        yield Case((x, torch.tensor(0.0, dtype=dtype)), attributes)


pointwise("nextafter", _next, "input other", DOUBLE, _FORMATS[torch.float32], cases=_next_cases)


@lowers("aten.nextafter.default")
def nextafter(b: Builder, a: dict[str, Any]) -> Value | None:
    """The neighbour among the floats of the result's dtype."""
    compute, dtype = promoted([a["self"], a["other"]])
    if dtype not in _FORMATS:
        return None
    return emit(b, "nextafter", [a["self"], a["other"]], compute, dtype, **_FORMATS[dtype])
