"""Pointwise arithmetic of two and three operands.

Integers wrap; where PyTorch raises on an integer division by zero, the result is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.pointwise import (
    ANY,
    DOUBLE,
    FLOATING,
    INTEGRAL,
    Promotion,
    computes_in,
    emit,
    lower_as,
    pointwise,
    promote,
    promoted,
)
from wasm_torch_web.ops.table import lowers

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

PAIR = "input other"  # of rows
ARGUMENTS = "self other"  # of aten


def _division(function: Callable[..., torch.Tensor], **mode: str) -> Callable[..., torch.Tensor]:
    """A division that gives 0 where integers are divided by 0."""

    def divide(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        if a.is_floating_point():
            return function(a, b, **mode)
        zero = b == 0
        return function(a, b.masked_fill(zero, 1), **mode).masked_fill(zero, 0)

    return divide


pointwise("add", torch.add, PAIR, ANY, neutral=-0.0)  # -0.0 + 0.0 is 0.0
pointwise("sub", torch.sub, PAIR, ANY, neutral=0.0)
pointwise("mul", torch.mul, PAIR, ANY, neutral=1.0)
pointwise("div", torch.div, PAIR, neutral=1.0)
pointwise("div_trunc", _division(torch.div, rounding_mode="trunc"), PAIR, ANY)
pointwise("div_floor", _division(torch.div, rounding_mode="floor"), PAIR, DOUBLE + INTEGRAL)
pointwise("remainder", _division(torch.remainder), PAIR, DOUBLE + INTEGRAL)
pointwise("fmod", _division(torch.fmod), PAIR, DOUBLE + INTEGRAL)
pointwise("gcd", torch.gcd, PAIR, INTEGRAL)
pointwise("pow", torch.pow, PAIR, DOUBLE + INTEGRAL)
pointwise("maximum", torch.maximum, PAIR, ANY)
pointwise("minimum", torch.minimum, PAIR, ANY)
pointwise("fmax", torch.fmax, PAIR)
pointwise("fmin", torch.fmin, PAIR)
pointwise("atan2", torch.atan2, PAIR, DOUBLE)
pointwise("hypot", torch.hypot, PAIR, DOUBLE)
pointwise("copysign", torch.copysign, PAIR)
pointwise(
    "where",
    lambda condition, input, other: torch.where(condition.bool(), input, other),
    "condition input other",
    ANY,
    inplace=1,
)
pointwise("lerp", torch.lerp, "input end weight")
pointwise(
    "addcmul",
    lambda a, b, c, value: torch.addcmul(a, b, c, value=_as(a, value)),
    "input tensor1 tensor2",
    ANY,
    {"value": -3.0},
)
pointwise(
    "addcdiv",
    lambda a, b, c, value: torch.addcdiv(a, b, c, value=value),
    "input tensor1 tensor2",
    FLOATING,
    {"value": -1.5},
)


def _as(x: torch.Tensor, number: float) -> float:
    """A number that PyTorch takes beside x: an int beside integers."""
    return number if x.is_floating_point() else int(number)


_INT_TO_FLOAT = Promotion.INT_TO_FLOAT
lower_as("mul", "aten.mul.Tensor", "aten.mul.Scalar", operands=ARGUMENTS)
lower_as("div", "aten.div.Tensor", "aten.div.Scalar", operands=ARGUMENTS, promotion=_INT_TO_FLOAT)
lower_as(
    "remainder",
    *(f"aten.remainder.{overload}" for overload in ("Tensor", "Scalar", "Scalar_Tensor")),
    operands=ARGUMENTS,
)
lower_as("fmod", "aten.fmod.Tensor", "aten.fmod.Scalar", operands=ARGUMENTS)
lower_as("gcd", "aten.gcd.default", operands=ARGUMENTS)
lower_as("maximum", "aten.maximum.default", operands=ARGUMENTS)
lower_as("minimum", "aten.minimum.default", operands=ARGUMENTS)
lower_as("hypot", "aten.hypot.default", operands=ARGUMENTS)
lower_as("atan2", "aten.atan2.default", operands=ARGUMENTS, promotion=_INT_TO_FLOAT)
lower_as(
    "copysign",
    "aten.copysign.Tensor",
    "aten.copysign.Scalar",
    operands=ARGUMENTS,
    promotion=_INT_TO_FLOAT,
)


def _lower_nan_ignoring(name: str, of_integers: str) -> None:
    @lowers(f"aten.{name}.default")
    def lowering(b: Builder, a: dict[str, Any]) -> Value:
        operands = [a["self"], a["other"]]
        floating = promoted(operands)[1].is_floating_point
        return promote(b, name if floating else of_integers, operands)


_lower_nan_ignoring("fmax", "maximum")
_lower_nan_ignoring("fmin", "minimum")


def _lower_scaled(name: str, sign: int) -> None:
    @lowers(f"aten.{name}.Tensor", f"aten.{name}.Scalar")
    def lowering(b: Builder, a: dict[str, Any]) -> Value:
        """self + alpha * other: `addcmul` where alpha is not 1, to round once."""
        x, other, alpha = a["self"], a["other"], a["alpha"]
        if alpha == 1:
            return promote(b, name, [x, other])
        compute, dtype = promoted([x, other])
        return emit(b, "addcmul", [x, other, 1], compute, dtype, value=sign * alpha)


_lower_scaled("add", 1)
_lower_scaled("sub", -1)


@lowers("aten.div.Tensor_mode", "aten.div.Scalar_mode")
def div_mode(b: Builder, a: dict[str, Any]) -> Value:
    """Division, rounded to a whole number where a mode says how."""
    operands = [a["self"], a["other"]]
    if a["rounding_mode"] is None:
        return promote(b, "div", operands, Promotion.INT_TO_FLOAT)
    return _rounded_division(b, a["rounding_mode"], operands)


@lowers("aten.floor_divide.default", "aten.floor_divide.Scalar")
def floor_divide(b: Builder, a: dict[str, Any]) -> Value:
    """Division, rounded down."""
    return _rounded_division(b, "floor", [a["self"], a["other"]])


def _rounded_division(b: Builder, mode: str, operands: list[Any]) -> Value:
    """PyTorch rounds 16-bit floats at each step, except beside a single divisor."""
    dtype = promoted(operands)[1]
    if not getattr(operands[1], "shape", ()) or dtype not in (torch.float16, torch.bfloat16):
        return promote(b, f"div_{mode}", operands)

    def step(name: str, *of: Any, to: torch.dtype = dtype) -> Value:
        return emit(b, name, of, torch.float32, to)

    x, y = operands
    quotient = step("div", x, y)
    if mode == "trunc":
        return step("trunc", quotient)
    rest = step("fmod", x, y)
    near = step("div", step("sub", x, rest), y)
    other_sign = step("ne", step("lt", rest, 0.0), step("lt", y, 0.0))
    less = step("mul", step("ne", rest, 0.0), other_sign)
    near = step("sub", near, less)
    down = step("floor", near)
    up = step("gt", step("sub", near, down), 0.5)
    whole = step("copysign", step("add", down, up), quotient)
    return step("where", step("eq", y, 0.0), quotient, whole)


# Powers that have a row of their own; True where integers have one too.
_POWERS: dict[float, tuple[str, bool]] = {
    2: ("square", True),
    0.5: ("sqrt", False),
    -0.5: ("rsqrt", False),
    -1: ("reciprocal", False),
}


@lowers("aten.pow.Tensor_Tensor", "aten.pow.Tensor_Scalar", "aten.pow.Scalar")
def pow_(b: Builder, a: dict[str, Any]) -> Value:
    """A power; common exponents are cheap (the general case costs 50 multiplications)."""
    x, exponent = a["self"], a["exponent"]
    compute, dtype = promoted([x, exponent], Promotion.BOOL_TO_LONG)
    if isinstance(exponent, (int, float)):
        name, of_integers = _POWERS.get(exponent, ("", False))
        if name and (of_integers or dtype.is_floating_point):
            return emit(b, name, [x], compute, dtype)
        if exponent == 3:
            return emit(b, "mul", [emit(b, "square", [x], compute, compute), x], compute, dtype)
    return emit(b, "pow", [x, exponent], compute, dtype)


@lowers("aten.where.self")
def where(b: Builder, a: dict[str, Any]) -> Value:
    """The condition takes no part in promotion."""
    compute, dtype = promoted([a["self"], a["other"]])
    return emit(b, "where", [a["condition"], a["self"], a["other"]], compute, dtype)


@lowers("aten.masked_fill.Scalar", "aten.masked_fill.Tensor")
def masked_fill(b: Builder, a: dict[str, Any]) -> Value:
    """`where` with the value first; the result has the dtype of `self`."""
    dtype = a["self"].dtype
    return emit(b, "where", [a["mask"], a["value"], a["self"]], computes_in(dtype), dtype)


lower_as("lerp", "aten.lerp.Scalar", "aten.lerp.Tensor", operands="self end weight")


@lowers("aten.addcmul.default")
def addcmul(b: Builder, a: dict[str, Any]) -> Value:
    """self + value * tensor1 * tensor2."""
    return promote(b, "addcmul", [a["self"], a["tensor1"], a["tensor2"]], value=a["value"])


@lowers("aten.addcdiv.default")
def addcdiv(b: Builder, a: dict[str, Any]) -> Value:
    """self + value * tensor1 / tensor2."""
    return promote(b, "addcdiv", [a["self"], a["tensor1"], a["tensor2"]], value=a["value"])


@lowers("aten.lcm.default")
def lcm(b: Builder, a: dict[str, Any]) -> Value:
    """self / gcd * other without its sign; 0 beside 0. Below 32 bits only the result wraps."""
    x, y = a["self"], a["other"]
    compute, dtype = promoted([x, y])
    wraps = dtype if dtype.itemsize >= 4 else compute
    common = emit(b, "gcd", [x, y], compute, dtype)
    quotient = emit(b, "div_trunc", [x, common], compute, compute)
    product = emit(b, "mul", [quotient, y], compute, wraps)
    return emit(b, "abs", [product], compute, dtype)


@lowers("aten.ldexp.Tensor")
def ldexp(b: Builder, a: dict[str, Any]) -> Any:
    """self * 2^other."""
    power = b.call("aten.pow.Scalar", self=2.0, exponent=a["other"])
    return b.call("aten.mul.Tensor", self=a["self"], other=power)
