"""Means and variances of lowerings: what normalisations are made of where no kernel fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from wasm_torch_web.ops.arguments import cast

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def wide(dtype: torch.dtype) -> torch.dtype:
    """The dtype that sums of `dtype` are computed in."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def saved(b: Builder, x: Value | None, weight: Value | None, *values: Value) -> tuple[Value, ...]:
    """Statistics in the dtype that PyTorch gives them out: the weight's, else the input's."""
    known = weight if weight is not None else x
    assert known is not None
    return tuple(cast(b, value, known.dtype) for value in values)


def multiply(b: Builder, x: Value, y: Value) -> Value:
    result: Value = b.call("aten.mul.Tensor", self=x, other=y)
    return result


def scaled(
    b: Builder, x: Value, weight: Value | None, bias: Value | None, axis: int | None = None
) -> Value:
    """x * weight + bias: along the last axes, or along `axis` for one number a channel."""
    shape = None if axis is None else (-1, *([1] * (x.rank - axis - 1)))
    for name, operand in (("mul", weight), ("add", bias)):
        if operand is not None:
            if shape is not None:
                operand = b.call("aten.reshape.default", self=operand, shape=shape)
            x = b.call(f"aten.{name}.Tensor", self=x, other=operand)
    return x


def moments(b: Builder, x: Value, dims: tuple[int, ...], keepdim: bool) -> tuple[Value, Value]:
    """Mean and variance."""
    mean = b.emit("mean", [x], {"dim": dims, "keepdim": keepdim})
    return mean, b.emit("var", [x], {"dim": dims, "keepdim": keepdim, "correction": 0.0})


def statistics(
    b: Builder, x: Value, dims: tuple[int, ...], eps: float, keepdim: bool
) -> tuple[Value, Value]:
    """Mean and 1 / sqrt(variance + eps)."""
    mean, var = moments(b, x, dims, keepdim)
    return mean, inverse_root(b, var, eps)


def inverse_root(b: Builder, var: Value, eps: float) -> Value:
    result: Value = b.call(
        "aten.rsqrt.default", self=b.call("aten.add.Tensor", self=var, other=eps)
    )
    return result
