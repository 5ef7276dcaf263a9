"""Pointwise comparisons, logic and bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.pointwise import ANY, INTEGRAL, Promotion, lower_as, pointwise, promote
from wasm_torch_web.ops.table import lowers

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

PAIR = "input other"  # of rows
ARGUMENTS = "self other"  # of aten
BOOL = Promotion.ALWAYS_BOOL

COMPARISONS: dict[str, Callable[..., torch.Tensor]] = {
    "eq": torch.eq,
    "ne": torch.ne,
    "lt": torch.lt,
    "le": torch.le,
    "gt": torch.gt,
    "ge": torch.ge,
}
LOGIC: dict[str, Callable[..., torch.Tensor]] = {
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "logical_xor": torch.logical_xor,
}
BITS: dict[str, Callable[..., torch.Tensor]] = {
    "bitwise_and": torch.bitwise_and,
    "bitwise_or": torch.bitwise_or,
    "bitwise_xor": torch.bitwise_xor,
    "bitwise_left_shift": torch.bitwise_left_shift,
    "bitwise_right_shift": torch.bitwise_right_shift,
}
# Tests of floats, and what gives the answer for x and x where x is an integer.
TESTS: dict[str, tuple[Callable[..., torch.Tensor], str]] = {
    "isnan": (torch.isnan, "ne"),
    "isinf": (torch.isinf, "ne"),
    "isfinite": (torch.isfinite, "eq"),
}


def _lower_test(name: str, of_integers: str) -> None:
    @lowers(f"aten.{name}.default")
    def lowering(b: Builder, a: dict[str, Any]) -> Value:
        x = a["self"]
        if x.dtype.is_floating_point:
            return promote(b, name, [x], BOOL)
        return promote(b, of_integers, [x, x], BOOL)


for _name, _function in COMPARISONS.items():
    pointwise(_name, _function, PAIR, ANY, boolean=True)
    _targets = (f"aten.{_name}.Tensor", f"aten.{_name}.Scalar")
    lower_as(_name, *_targets, operands=ARGUMENTS, promotion=BOOL)
for _name, _function in LOGIC.items():
    pointwise(_name, _function, PAIR, ANY, boolean=True)
    lower_as(_name, f"aten.{_name}.default", operands=ARGUMENTS, promotion=BOOL)
for _name, _function in BITS.items():
    pointwise(_name, _function, PAIR, INTEGRAL)
    _overloads = ("Tensor", "Tensor_Scalar" if "shift" in _name else "Scalar", "Scalar_Tensor")
    lower_as(_name, *(f"aten.{_name}.{one}" for one in _overloads), operands=ARGUMENTS)
for _name, _short in (("bitwise_left_shift", "lshift"), ("bitwise_right_shift", "rshift")):
    _targets = (f"aten.__{_short}__.Tensor", f"aten.__{_short}__.Scalar")
    lower_as(_name, *_targets, operands=ARGUMENTS)
for _name, (_function, _of_integers) in TESTS.items():
    pointwise(_name, _function, boolean=True)
    _lower_test(_name, _of_integers)

pointwise("logical_not", torch.logical_not, computes=ANY, boolean=True)
pointwise("bitwise_not", torch.bitwise_not, computes=INTEGRAL)
pointwise("signbit", torch.signbit, boolean=True)
lower_as("logical_not", "aten.logical_not.default", promotion=BOOL)


@lowers("aten.bitwise_not.default")
def bitwise_not(b: Builder, a: dict[str, Any]) -> Value:
    """The complement; of bool the opposite."""
    if a["self"].dtype == torch.bool:
        return promote(b, "logical_not", [a["self"]], BOOL)
    return promote(b, "bitwise_not", [a["self"]])


@lowers("aten.signbit.default")
def signbit(b: Builder, a: dict[str, Any]) -> Value:
    """Whether the sign is negative, that of -0.0 too."""
    x = a["self"]
    if x.dtype.is_floating_point:
        return promote(b, "signbit", [x], BOOL)
    return promote(b, "lt", [x, 0], BOOL)
