"""Pointwise operators of one operand: casts, signs, rounding, exponentials, circular functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.pointwise import (
    ANY,
    DOUBLE,
    Promotion,
    computes_in,
    emit,
    lower_as,
    pointwise,
    promote,
)
from wasm_torch_web.ops.table import always, lowers

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

Function = Callable[[torch.Tensor], torch.Tensor]

# Functions that keep the dtype, of integers too.
SIGNS: dict[str, Function] = {
    "neg": torch.neg,
    "abs": torch.abs,
    "square": torch.square,
    "sign": torch.sign,
}
# Functions that leave integers as they are.
ROUNDING: dict[str, Function] = {
    "floor": torch.floor,
    "ceil": torch.ceil,
    "trunc": torch.trunc,
    "round": torch.round,  # half to even
    "frac": torch.frac,
}
# Functions that make floats of integers.
TRANSCENDENTAL: dict[str, Function] = {
    "reciprocal": torch.reciprocal,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "exp": torch.exp,
    "exp2": torch.exp2,
    "expm1": torch.expm1,
    "log": torch.log,
    "log2": torch.log2,
    "log10": torch.log10,
    "log1p": torch.log1p,
    "erf": torch.erf,
    "sin": torch.sin,
    "cos": torch.cos,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
# The same, through float64: not worth a vector form.
RARE: dict[str, Function] = {
    "erfc": torch.erfc,
    "tan": torch.tan,
    "asin": torch.asin,
    "acos": torch.acos,
    "atan": torch.atan,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "asinh": torch.asinh,
    "acosh": torch.acosh,
    "atanh": torch.atanh,
}


def _lower_rounding(name: str) -> None:
    @lowers(f"aten.{name}.default")
    def lowering(b: Builder, a: dict[str, Any]) -> Value:
        x: Value = a["self"]
        return promote(b, name, [x]) if x.dtype.is_floating_point else x


for _name, _function in SIGNS.items():
    pointwise(_name, _function, computes=ANY)
for _name in ("neg", "abs", "sign"):
    lower_as(_name, f"aten.{_name}.default")
lower_as("sign", "aten.sgn.default")  # the same for real numbers
lower_as("square", "aten.square.default", promotion=Promotion.BOOL_TO_LONG)
for _name, _function in ROUNDING.items():
    pointwise(_name, _function)
    _lower_rounding(_name)
for _name, _function in TRANSCENDENTAL.items():
    pointwise(_name, _function)
    lower_as(_name, f"aten.{_name}.default", promotion=Promotion.INT_TO_FLOAT)
for _name, _function in RARE.items():
    pointwise(_name, _function, computes=DOUBLE)
    lower_as(_name, f"aten.{_name}.default", promotion=Promotion.INT_TO_FLOAT)


@lowers("aten.round.decimals")
def round_decimals(b: Builder, a: dict[str, Any]) -> Value:
    """To a number of decimals, negative ones too: scaled, rounded, scaled back, as PyTorch does."""
    x: Value = a["self"]
    decimals = a["decimals"]
    if not x.dtype.is_floating_point:
        return x
    compute = computes_in(x.dtype)
    there, back = ("mul", "div") if decimals >= 0 else ("div", "mul")
    scale = 10.0 ** abs(decimals)
    scaled = emit(b, there, [x, scale], compute, compute)
    rounded = emit(b, "round", [scaled], compute, compute)
    return emit(b, back, [rounded, scale], compute, x.dtype)


pointwise("cast", lambda x: x, computes=ANY, identity=always)


def cast_compute(source: torch.dtype, target: torch.dtype) -> torch.dtype:
    """What a cast goes through: nothing that a single conversion would keep may be lost."""
    if not target.is_floating_point:
        return computes_in(source)
    return torch.float64 if torch.float64 in (source, target) else torch.float32


@lowers("aten._to_copy.default")
def to_copy(b: Builder, a: dict[str, Any]) -> Value:
    """A cast; devices and memory formats change no value."""
    x: Value = a["self"]
    dtype = a["dtype"]
    if dtype is None or dtype == x.dtype:
        return x
    return emit(b, "cast", [x], cast_compute(x.dtype, dtype), dtype)
