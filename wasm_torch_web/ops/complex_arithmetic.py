"""Arithmetic of complex tensors, and choices between them: part by part where that is enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import cast
from wasm_torch_web.ops.complex import (
    PART,
    Reals,
    computed_dtype,
    is_real,
    joined,
    parts,
    result_dtype,
    rounded,
    split,
    stacked,
)
from wasm_torch_web.ops.complex_functions import compute, over, power, square_root, times
from wasm_torch_web.ops.table import lowers_complex

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def _lower_sum(name: str) -> None:
    @lowers_complex(f"aten.{name}.Tensor", f"aten.{name}.Scalar")
    def lowering(b: Builder, a: dict[str, Any]) -> Any:
        """Part by part; a complex alpha is multiplied first."""
        x, other, alpha = a["self"], a["other"], a["alpha"]
        if isinstance(alpha, complex):
            other, alpha = b.call("aten.mul.Tensor", self=other, other=alpha), 1
        dtype = result_dtype(x, other)
        wide = computed_dtype(dtype)
        given = {"self": parts(b, x, wide), "other": parts(b, other, wide), "alpha": alpha}
        return rounded(b, b.call(f"aten.{name}.Tensor", **given), dtype)


_lower_sum("add")
_lower_sum("sub")


def _beside(b: Builder, x: Any, dtype: torch.dtype) -> Any:
    """A real operand that broadcasts over the parts of a complex one."""
    if not hasattr(x, "shape"):
        return x
    real_ = cast(b, x, PART[dtype])
    return b.emit("unsqueeze", [real_], {"dim": real_.rank})


@lowers_complex("aten.mul.Tensor", "aten.mul.Scalar")
def mul(b: Builder, a: dict[str, Any]) -> Any:
    """By a real number part by part, else four products."""
    x, y = a["self"], a["other"]
    dtype = result_dtype(x, y)
    wide, r = computed_dtype(dtype), Reals(b)
    if is_real(x):
        x, y = y, x
    if is_real(y):
        return rounded(b, r.mul(parts(b, x, wide), _beside(b, y, wide)), dtype)
    pair = times(r, split(b, x, wide), split(b, y, wide))
    return rounded(b, stacked(b, *pair), dtype)


@lowers_complex("aten.div.Tensor", "aten.div.Scalar", "aten.true_divide.Tensor")
def div(b: Builder, a: dict[str, Any]) -> Any:
    """By a real number part by part."""
    x, y = a["self"], a["other"]
    dtype = result_dtype(x, y)
    if is_real(y):
        wide = computed_dtype(dtype)
        return rounded(b, Reals(b).div(parts(b, x, wide), _beside(b, y, wide)), dtype)
    return compute(b, over, [x, y], dtype)


@lowers_complex("aten.square.default")
def square(b: Builder, a: dict[str, Any]) -> Any:
    """x times x."""
    return b.call("aten.mul.Tensor", self=a["self"], other=a["self"])


@lowers_complex("aten.pow.Tensor_Tensor", "aten.pow.Tensor_Scalar", "aten.pow.Scalar")
def pow_(b: Builder, a: dict[str, Any]) -> Any:
    """Small whole powers are products."""
    x, exponent = a["self"], a["exponent"]
    dtype = result_dtype(x, exponent)
    if not hasattr(exponent, "shape") and exponent in (1, 2, 3):
        result = x
        for _ in range(int(exponent.real) - 1):
            result = b.call("aten.mul.Tensor", self=result, other=x)
        return result
    if not hasattr(exponent, "shape") and exponent == 0.5:
        return compute(b, square_root, [x], dtype)
    return compute(b, power, [x, exponent], dtype)


@lowers_complex("aten.addcmul.default")
def addcmul(b: Builder, a: dict[str, Any]) -> Any:
    """self + value * tensor1 * tensor2."""
    product = b.call("aten.mul.Tensor", self=a["tensor1"], other=a["tensor2"])
    return b.call("aten.add.Tensor", self=a["self"], other=product, alpha=a["value"])


@lowers_complex("aten.addcdiv.default")
def addcdiv(b: Builder, a: dict[str, Any]) -> Any:
    """self + value * tensor1 / tensor2."""
    quotient = b.call("aten.div.Tensor", self=a["tensor1"], other=a["tensor2"])
    return b.call("aten.add.Tensor", self=a["self"], other=quotient, alpha=a["value"])


@lowers_complex("aten.neg.default")
def neg(b: Builder, a: dict[str, Any]) -> Value:
    """Part by part."""
    return joined(b, Reals(b).neg(parts(b, a["self"])))


def _last(b: Builder, condition: Value) -> Value:
    """A condition that broadcasts over parts."""
    result: Value = b.emit("unsqueeze", [condition], {"dim": condition.rank})
    return result


@lowers_complex("aten.where.self")
def where(b: Builder, a: dict[str, Any]) -> Value:
    """Part by part."""
    dtype = result_dtype(a["self"], a["other"])
    x, y = parts(b, a["self"], dtype), parts(b, a["other"], dtype)
    return joined(b, Reals(b).where(_last(b, a["condition"]), x, y))


@lowers_complex("aten.masked_fill.Scalar", "aten.masked_fill.Tensor")
def masked_fill(b: Builder, a: dict[str, Any]) -> Value | None:
    """`where` in the dtype of `self`."""
    x, value = a["self"], a["value"]
    if not x.dtype.is_complex:
        return None
    filled = parts(b, value, x.dtype)
    return joined(b, Reals(b).where(_last(b, a["mask"]), filled, parts(b, x)))
