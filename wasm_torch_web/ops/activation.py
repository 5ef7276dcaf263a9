"""Pointwise activation functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.pointwise import (
    ANY,
    FLOATING,
    Promotion,
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

# Activations without parameters.
PLAIN: dict[str, Callable[..., torch.Tensor]] = {
    "relu6": F.relu6,
    "log_sigmoid": F.logsigmoid,
    "silu": F.silu,
    "mish": F.mish,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
}


for _name, _function in PLAIN.items():
    pointwise(_name, _function)
    if _name != "relu6":
        lower_as(_name, f"aten.{_name}.default")
pointwise("relu", torch.relu, computes=ANY)
lower_as("relu", "aten.relu.default")

pointwise("gelu", F.gelu)
pointwise("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"))


@lowers("aten.gelu.default")
def gelu(b: Builder, a: dict[str, Any]) -> Value:
    """With the error function or its tanh approximation."""
    return promote(b, "gelu_tanh" if a["approximate"] == "tanh" else "gelu", [a["self"]])


def _clamp(x: torch.Tensor, min: float, max: float) -> torch.Tensor:
    if x.is_floating_point():
        return torch.clamp(x, min, max)
    limits = torch.iinfo(x.dtype)
    low = limits.min if min <= limits.min else int(min)
    high = limits.max if max >= limits.max else int(max)
    return torch.clamp(x, low, high)


pointwise("clamp", _clamp, computes=ANY, parameters={"min": -1.0, "max": 2.0})


def _is_parameter(number: Any) -> bool:
    """Whether a float attribute holds the number."""
    return isinstance(number, (int, float)) and (math.isinf(number) or float(number) == number)


@lowers("aten.clamp.default", "aten.clamp.Tensor")
def clamp(b: Builder, a: dict[str, Any]) -> Value:
    """Numbers are parameters; tensors, sizes and huge integers bound one after the other."""
    x, low, high = a["self"], a["min"], a["max"]
    if all(bound is None or _is_parameter(bound) for bound in (low, high)):
        low_or_none = -math.inf if low is None else low
        high_or_none = math.inf if high is None else high
        compute, dtype = promoted([x, low, high])
        return emit(b, "clamp", [x], compute, dtype, min=low_or_none, max=high_or_none)
    if low is not None:
        x = promote(b, "maximum", [x, low])
    return x if high is None else promote(b, "minimum", [x, high])


@lowers("aten.hardtanh.default")
def hardtanh(b: Builder, a: dict[str, Any]) -> Value:
    """A clamp; from 0 to 6 it is `relu6`, but of integers."""
    low, high = a["min_val"], a["max_val"]
    if (low, high) == (0, 6) and a["self"].dtype.is_floating_point:
        return promote(b, "relu6", [a["self"]])
    return promote(b, "clamp", [a["self"]], min=low, max=high)


@lowers("aten.relu6.default")
def relu6(b: Builder, a: dict[str, Any]) -> Any:
    """Of integers a clamp."""
    return b.call("aten.hardtanh.default", self=a["self"], min_val=0, max_val=6)


def _parametrised(
    name: str,
    function: Callable[..., torch.Tensor],
    computes: Sequence[torch.dtype] = FLOATING,
    **parameters: float,
) -> None:
    """A row whose parameters have the names that aten gives them."""
    pointwise(name, function, computes=computes, parameters=parameters)

    @lowers(f"aten.{name}.default")
    def lowering(b: Builder, a: dict[str, Any]) -> Value:
        return promote(b, name, [a["self"]], **{key: a[key] for key in parameters})


_parametrised("leaky_relu", F.leaky_relu, negative_slope=0.125)
_parametrised("elu", torch.ops.aten.elu, alpha=1.5, scale=0.75, input_scale=2.0)
_parametrised("softplus", F.softplus, beta=2.0, threshold=3.0)
_parametrised("threshold", F.threshold, ANY, threshold=0.25, value=-7.0)
pointwise(
    "logit",
    lambda x, low, high: torch.logit(torch.where(x < low, low, torch.where(x > high, high, x))),
    parameters={"low": 0.125, "high": 0.875},
)
pointwise("nan_to_num", torch.nan_to_num, parameters={"nan": 1.5, "posinf": 2.0, "neginf": -3.0})
pointwise("prelu", lambda x, weight: torch.where(x > 0, x, weight * x), "input weight")
lower_as("prelu", "aten._prelu_kernel.default", operands="self weight")


@lowers("aten.rrelu_with_noise_functional.default")
def rrelu(b: Builder, a: dict[str, Any]) -> Any:
    """Outside training a `leaky_relu` of the mean slope; the noise stays as it is."""
    if a["training"]:
        return None
    slope = (a["lower"] + a["upper"]) / 2
    result = promote(b, "leaky_relu", [a["self"]], negative_slope=slope)
    return (result, a["noise"])


@lowers("aten.native_dropout.default")
def native_dropout(b: Builder, a: dict[str, Any]) -> Any:
    """Where nothing is drawn: outside training all elements are kept."""
    x: Value = a["input"]
    p = a["p"] if a["train"] is not False else 0
    if p not in (0, 1):
        return None
    mask = b.call("aten.full_like.default", self=x, fill_value=p == 0, dtype=torch.bool)
    return (x if p == 0 else b.call("aten.mul.Scalar", self=x, other=0)), mask


@lowers("aten.celu.default")
def celu(b: Builder, a: dict[str, Any]) -> Value:
    """An `elu` of x / alpha."""
    alpha = a["alpha"]
    return promote(b, "elu", [a["self"]], alpha=alpha, scale=1, input_scale=1 / alpha)


@lowers("aten.logit.default")
def logit(b: Builder, a: dict[str, Any]) -> Value:
    """log(x / (1 - x)), x kept eps away from 0 and 1 where there is an eps."""
    eps = -math.inf if a["eps"] is None else a["eps"]
    return promote(b, "logit", [a["self"]], Promotion.INT_TO_FLOAT, low=eps, high=1 - eps)


@lowers("aten.nan_to_num.default")
def nan_to_num(b: Builder, a: dict[str, Any]) -> Value:
    """By default NaN becomes 0, infinities the largest numbers of the dtype."""
    x: Value = a["self"]
    if not x.dtype.is_floating_point:
        return x
    limits = torch.finfo(x.dtype)
    defaults = {"nan": 0.0, "posinf": limits.max, "neginf": limits.min}
    chosen: dict[str, Any] = {
        key: default if a[key] is None else a[key] for key, default in defaults.items()
    }
    return promote(b, "nan_to_num", [x], **chosen)
