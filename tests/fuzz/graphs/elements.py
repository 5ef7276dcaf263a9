"""Operators of elements and of dtypes, as random programs have them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from fuzz.graphs.draw import Draw, Drawn, Operator

UNARY = [
    "abs",
    "acos",
    "angle",
    "asin",
    "asinh",
    "atan",
    "ceil",
    "cos",
    "cosh",
    "deg2rad",
    "digamma",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "frac",
    "isfinite",
    "isnan",
    "lgamma",
    "log1p",
    "logical_not",
    "nan_to_num",
    "neg",
    "reciprocal",
    "relu",
    "rsqrt",
    "round",
    "selu",
    "sgn",
    "sigmoid",
    "sign",
    "signbit",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "trunc",
    "clone",
    "zeros_like",
]
ACTIVATIONS = [
    "relu",
    "relu6",
    "gelu",
    "silu",
    "mish",
    "elu",
    "celu",
    "selu",
    "softplus",
    "softsign",
    "hardtanh",
    "hardswish",
    "hardsigmoid",
    "leaky_relu",
    "logsigmoid",
    "tanhshrink",
    "hardshrink",
    "softshrink",
    "sigmoid",
    "tanh",
]
BINARY = [
    "add",
    "sub",
    "mul",
    "maximum",
    "minimum",
    "atan2",
    "hypot",
    "fmod",
    "remainder",
    "div",
    "true_divide",
    "copysign",
]
INTEGER = [
    "add",
    "sub",
    "mul",
    "maximum",
    "minimum",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "gcd",
]
COMPARE = ["eq", "ne", "lt", "le", "gt", "ge"]
LOGIC = ["logical_and", "logical_or", "logical_xor"]
INPLACE = ["add_", "sub_", "mul_", "clamp_max_", "copy_"]
INPLACE_UNARY = ["relu_", "sigmoid_", "neg_", "zero_", "sin_", "square_", "tanh_"]


def _named(names: list[str], kind: str, *others: str) -> Callable[[Draw], Drawn]:
    def draw(d: Draw) -> Drawn:
        x = d.pick(kind)
        for other in others:
            d.partner(x, other)
        return {"name": d.one(names)}

    return draw


def _torch(*on: Tensor, name: str, **options: Any) -> Any:
    return getattr(torch, name)(*on, **options)


def _unary(x: Tensor, name: str) -> Tensor:
    """Within the domain of the function."""
    if name in ("acos", "asin"):
        x = x.sin()
    elif name in ("sqrt", "rsqrt", "log1p", "reciprocal", "digamma", "lgamma"):
        x = x.abs() + 0.5
    return getattr(torch, name)(x)


def _binary(x: Tensor, y: Tensor, name: str) -> Tensor:
    if name in ("fmod", "remainder", "div", "true_divide"):
        y = y.abs() + 1
    return getattr(torch, name)(x, y)


def _scalar(d: Draw) -> Drawn:
    x = d.pick("number")
    value = d.one([0.5, -1.5, 2.0, 1, 3, -2]) if x.is_floating_point() else d.one([1, 2, -3])
    return {"name": d.one(["add", "sub", "mul", "rsub", "clamp_min", "clamp_max"]), "value": value}


def _to(d: Draw) -> Drawn:
    d.pick()
    wide = [torch.float32] * 3 + [torch.int64, torch.int32, torch.bool]
    return {"dtype": d.one([*wide, torch.float64, torch.float16, torch.bfloat16, torch.uint8])}


def _cast(x: Tensor, dtype: torch.dtype) -> Tensor:
    if dtype == torch.uint8:  # others are left open by C++
        x = x.abs() % 100
    return x.to(dtype)


def _where(d: Draw) -> Drawn:
    x = d.pick("float32")
    d.alike(x)
    return {"name": d.one(["where", "masked_fill", "lerp", "addcmul", "clamp"])}


def _select(x: Tensor, y: Tensor, name: str) -> Tensor:
    match name:
        case "where":
            return torch.where(x > y, x, y * 0.5)
        case "masked_fill":
            return x.masked_fill(y > 0.25, 0.125)
        case "lerp":
            return x.lerp(y, 0.25)
        case "addcmul":
            return torch.addcmul(x, x, y, value=0.5)
        case _:
            return x.clamp(max=y)


def _two(d: Draw) -> Drawn:
    d.partner(d.pick("float"), "float")
    return {}


def _in_place(d: Draw) -> Drawn:
    """What shares the memory changes with it."""
    x = d.pick("float32")
    if d.coin():
        return {"name": d.one(INPLACE_UNARY)}
    d.partner(x, "float32")
    return {"name": d.one(INPLACE)}


OPERATORS: dict[str, Operator] = {
    "unary": Operator(_named(UNARY, "float"), _unary),
    "activation": Operator(_named(ACTIVATIONS, "float32"), lambda x, name: getattr(F, name)(x)),
    "binary": Operator(_named(BINARY, "float", "float"), _binary),
    "integer": Operator(_named(INTEGER, "int", "int"), _torch),
    "compare": Operator(_named(COMPARE, "number", "number"), _torch),
    "logic": Operator(_named(LOGIC, "bool", "bool"), _torch),
    "scalar": Operator(_scalar, lambda x, name, value: getattr(torch, name)(x, value)),
    "residual": Operator(_two, torch.add),
    "scaled": Operator(_two, lambda x, y: x * y.sigmoid()),
    "where": Operator(_where, _select),
    "to": Operator(_to, _cast),
    "in_place": Operator(_in_place, lambda x, *y, name: getattr(x, name)(*y)),
}
