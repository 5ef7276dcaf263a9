"""Layer, RMS, group, instance and batch normalisation.

The kernels compute in float32. layer_norm and rms_norm take 16-bit inputs as they are, with
float32 weights; for the others they are cast, which is what PyTorch computes too. Of float64,
which models hardly use, every normalisation is made of reductions and arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.arguments import cast
from wasm_torch_web.ops.samples import channels_last, normal
from wasm_torch_web.ops.table import F32, Case, integer, integers, lowers, real, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

NARROW = (torch.float32, torch.float16, torch.bfloat16)


def wide(dtype: torch.dtype) -> torch.dtype:
    """The dtype that sums of `dtype` are computed in."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def _layer_norm(
    x: torch.Tensor,
    weight: torch.Tensor | None,
    bias: torch.Tensor | None,
    normalized_shape: Sequence[int],
    eps: float,
) -> torch.Tensor:
    return F.layer_norm(x.float(), tuple(normalized_shape), weight, bias, eps).to(x.dtype)


def _rms_norm(
    x: torch.Tensor, weight: torch.Tensor | None, normalized_shape: Sequence[int], eps: float
) -> torch.Tensor:
    return F.rms_norm(x.float(), tuple(normalized_shape), weight, eps).to(x.dtype)


def _group_norm(
    x: torch.Tensor, weight: torch.Tensor | None, bias: torch.Tensor | None, groups: int, eps: float
) -> torch.Tensor:
    return F.group_norm(x, groups, weight, bias, eps)


def _batch_norm(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    shape = (-1, *([1] * (x.dim() - 2)))
    return x * scale.reshape(shape) + shift.reshape(shape)


def _row_cases(operands: int) -> Iterator[Case]:
    """Of layer_norm (weight and bias) and rms_norm (weight)."""
    for dtype in NARROW:
        for shape, size in (((3, 17), (17,)), ((2, 5, 4, 3), (4, 3)), ((4, 384), (384,))):
            weights = [normal(*size, seed=i) for i in range(operands)]
            x = normal(*shape, dtype=dtype) + 3
            yield Case((x, *weights), {"normalized_shape": size, "eps": 1e-5})
    nothing = [None] * operands
    for count, length in ((0, 4), (1, 1), (5, 15), (6, 1000)):
        attributes = {"normalized_shape": (length,), "eps": 1e-6}
        yield Case((normal(count, length), normal(length), *nothing[1:]), attributes)
        yield Case((normal(count, length), *nothing), attributes)
    special = normal(4, 5)
    special[0, 1], special[1, 2], special[2] = math.nan, math.inf, 0
    yield Case((special, *nothing), {"normalized_shape": (5,), "eps": 1e-5})
    yield Case((normal(4, 64) + 100, *nothing), {"normalized_shape": (64,), "eps": 1e-5})


def _group_cases() -> Iterator[Case]:
    shapes = ((2, 6, 5), (3, 4), (1, 32, 7, 5), (2, 12, 3, 3), (1, 70, 9, 1), (2, 3, 2, 3, 4))
    for shape in shapes:
        c = shape[1]
        # One channel a group only where that is not one element, whose scale nothing bounds.
        for groups in {1, c // 2 if c % 2 == 0 else 1, c if len(shape) > 2 else 1}:
            attributes = {"groups": groups, "eps": 1e-5}
            x = normal(*shape) + 2
            yield Case((x, normal(c, seed=1), normal(c, seed=2)), attributes)
            if len(shape) == 4:
                yield Case((channels_last(x), normal(c, seed=1), None), attributes)
    yield Case((normal(0, 4, 3), None, None), {"groups": 2, "eps": 1e-5})
    special = normal(2, 4, 3, 3)
    special[0, 1, 0, 2], special[1, 0, 1, 1], special[1, 1] = math.nan, math.inf, 0
    for x in (special, channels_last(special)):
        yield Case((x, None, None), {"groups": 4, "eps": 1e-5})


def _batch_cases() -> Iterator[Case]:
    for shape in ((2, 5), (3, 4, 17), (2, 7, 5, 3), (1, 1, 1, 1), (0, 3, 4), (1, 3, 2, 2, 5)):
        c, x = shape[1], normal(*shape)
        operands = (normal(c, seed=1), normal(c, seed=2))
        yield Case((x, *operands))
        if len(shape) == 4:
            yield Case((channels_last(x), *operands))


row(
    "layer_norm",
    inputs=[
        tensor("input", NARROW),
        tensor("weight", F32, optional=True),
        tensor("bias", F32, optional=True),
    ],
    outputs=[tensor("output", NARROW)],
    attributes=[integers("normalized_shape"), real("eps")],
    reference=_layer_norm,
    inplace=0,
    cases=lambda: _row_cases(2),
)

row(
    "rms_norm",
    inputs=[tensor("input", NARROW), tensor("weight", F32, optional=True)],
    outputs=[tensor("output", NARROW)],
    attributes=[integers("normalized_shape"), real("eps")],
    reference=_rms_norm,
    inplace=0,
    cases=lambda: _row_cases(1),
)

row(
    "group_norm",
    inputs=[
        tensor("input", F32, "dense", "channels_last"),
        tensor("weight", F32, optional=True),
        tensor("bias", F32, optional=True),
    ],
    outputs=[tensor("output", F32, "like")],
    attributes=[integer("groups"), real("eps")],
    reference=_group_norm,
    inplace=0,
    cases=_group_cases,
)

# input * scale + shift with one scale and shift a channel: what is left of a batch norm whose
# statistics are known. The fold-batch-norm pass moves it into the convolution before it.
row(
    "batch_norm",
    inputs=[tensor("input", F32, "dense_any"), tensor("scale", F32), tensor("shift", F32)],
    outputs=[tensor("output", F32, "like")],
    reference=_batch_norm,
    inplace=0,
    cases=_batch_cases,
)


@lowers("aten.layer_norm.default")
def layer_norm(b: Builder, a: dict[str, Any]) -> Value:
    """Over the trailing axes of `normalized_shape`."""
    x, shape = a["input"], tuple(a["normalized_shape"])
    if x.dtype == torch.float64:
        mean, scale = _statistics(b, x, _last(x, len(shape)), a["eps"], keepdim=True)
        y = _mul(b, b.call("aten.sub.Tensor", self=x, other=mean), scale)
        return _scaled(b, y, a["weight"], a["bias"])
    operands = [x, _float(b, a["weight"]), _float(b, a["bias"])]
    result: Value = b.emit("layer_norm", operands, {"normalized_shape": shape, "eps": a["eps"]})
    return result


@lowers("aten.native_layer_norm.default")
def native_layer_norm(b: Builder, a: dict[str, Any]) -> tuple[Value, Value, Value]:
    """Gives mean and 1 / std too; what nobody reads is removed as dead."""
    x = cast(b, a["input"], wide(a["input"].dtype))
    dims = _last(x, len(a["normalized_shape"]))
    mean, scale = _statistics(b, x, dims, a["eps"], keepdim=True)
    return layer_norm(b, a), mean, scale


@lowers("aten.rms_norm.default")
def rms_norm(b: Builder, a: dict[str, Any]) -> Value:
    """x / sqrt(mean(x^2) + eps) * weight; eps is that of float32 (float64) where none is given."""
    x, shape = a["input"], tuple(a["normalized_shape"])
    eps = torch.finfo(wide(x.dtype)).eps if a["eps"] is None else a["eps"]
    if x.dtype == torch.float64:
        power = b.emit("mean", [_mul(b, x, x)], {"dim": _last(x, len(shape)), "keepdim": True})
        return _scaled(b, _mul(b, x, _inverse_root(b, power, eps)), a["weight"], None)
    attributes = {"normalized_shape": shape, "eps": eps}
    result: Value = b.emit("rms_norm", [x, _float(b, a["weight"])], attributes)
    return result


@lowers("aten.group_norm.default")
def group_norm(b: Builder, a: dict[str, Any]) -> Value:
    """Over groups of channels; the channels are axis 1."""
    return _grouped(b, a["input"], a["weight"], a["bias"], a["num_groups"], a["eps"])


@lowers("aten.native_group_norm.default")
def native_group_norm(b: Builder, a: dict[str, Any]) -> tuple[Value, Value, Value]:
    """Gives mean and 1 / std of each (sample, group) too."""
    x, groups = a["input"], a["group"]
    mean, scale = _statistics(b, _split_groups(b, x, groups), (2,), a["eps"], keepdim=False)
    return _grouped(b, x, a["weight"], a["bias"], groups, a["eps"]), mean, scale


@lowers("aten.instance_norm.default")
def instance_norm(b: Builder, a: dict[str, Any]) -> Value | None:
    """A group norm with one channel a group, or a batch norm where running statistics are used."""
    if not a["use_input_stats"]:
        normalized: Value | None = batch_norm(b, a)
        return normalized
    if a["running_mean"] is not None:
        return None  # would update them
    x = a["input"]
    return _grouped(b, x, a["weight"], a["bias"], x.shape[1], a["eps"])


@lowers("aten.batch_norm.default")
def batch_norm(b: Builder, a: dict[str, Any]) -> Value | None:
    """Scale and shift from running statistics, or from the batch's where there are none."""
    x = cast(b, a["input"], wide(a["input"].dtype))
    mean, var = a["running_mean"], a["running_var"]
    if a.get("training") and mean is not None:
        return None  # would update them
    if mean is None:
        dims = tuple(d for d in range(x.rank) if d != 1)
        mean, var = _moments(b, x, dims, keepdim=False)
    scale, shift = _scale_and_shift(b, mean, var, a["weight"], a["bias"], a["eps"], x.dtype)
    if x.dtype == torch.float64:
        return _scaled(b, x, scale, shift, axis=1)
    return cast(b, b.emit("batch_norm", [x, scale, shift]), a["input"].dtype)


@lowers("aten._native_batch_norm_legit.no_stats")
def batch_statistics_norm(b: Builder, a: dict[str, Any]) -> tuple[Value | None, Value, Value]:
    """With the batch's own statistics, which it gives as mean and 1 / std."""
    x = cast(b, a["input"], wide(a["input"].dtype))
    dims = tuple(d for d in range(x.rank) if d != 1)
    mean, scale = _statistics(b, x, dims, a["eps"], keepdim=False)
    return batch_norm(b, {**a, "running_mean": None, "running_var": None}), mean, scale


@lowers("aten._native_batch_norm_legit_no_training.default")
def native_batch_norm(b: Builder, a: dict[str, Any]) -> tuple[Value | None, Value, Value]:
    """With running statistics; the saved ones are empty, as in PyTorch."""
    empty = b.constant(torch.empty(0, dtype=wide(a["input"].dtype)))
    return batch_norm(b, a), empty, empty


def _last(x: Value, count: int) -> tuple[int, ...]:
    return tuple(range(x.rank - count, x.rank))


def _float(b: Builder, x: Value | None) -> Value | None:
    return None if x is None else cast(b, x, torch.float32)


def _mul(b: Builder, x: Value, y: Value) -> Value:
    result: Value = b.call("aten.mul.Tensor", self=x, other=y)
    return result


def _scaled(
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


def _split_groups(b: Builder, x: Value, groups: Any) -> Value:
    """x as (samples, groups, elements of a group), in the dtype of sums."""
    shape = (x.shape[0], groups, -1)
    result: Value = b.call("aten.reshape.default", self=cast(b, x, wide(x.dtype)), shape=shape)
    return result


def _grouped(
    b: Builder, x: Value, weight: Value | None, bias: Value | None, groups: Any, eps: float
) -> Value:
    if x.dtype == torch.float64:
        parts = _split_groups(b, x, groups)
        mean, scale = _statistics(b, parts, (2,), eps, keepdim=True)
        y = _mul(b, b.call("aten.sub.Tensor", self=parts, other=mean), scale)
        y = b.call("aten.reshape.default", self=y, shape=x.shape)
        return _scaled(b, y, weight, bias, axis=1)
    operands = [_float(b, x), _float(b, weight), _float(b, bias)]
    return cast(b, b.emit("group_norm", operands, {"groups": groups, "eps": eps}), x.dtype)


def _moments(b: Builder, x: Value, dims: tuple[int, ...], keepdim: bool) -> tuple[Value, Value]:
    """Mean and variance."""
    mean = b.emit("mean", [x], {"dim": dims, "keepdim": keepdim})
    return mean, b.emit("var", [x], {"dim": dims, "keepdim": keepdim, "correction": 0.0})


def _statistics(
    b: Builder, x: Value, dims: tuple[int, ...], eps: float, keepdim: bool
) -> tuple[Value, Value]:
    """Mean and 1 / sqrt(variance + eps)."""
    mean, var = _moments(b, x, dims, keepdim)
    return mean, _inverse_root(b, var, eps)


def _inverse_root(b: Builder, var: Value, eps: float) -> Value:
    result: Value = b.call(
        "aten.rsqrt.default", self=b.call("aten.add.Tensor", self=var, other=eps)
    )
    return result


def _known(x: Value | None, default: float) -> torch.Tensor | None:
    """The contents of a constant in float64, `default` for an absent operand; else None."""
    if x is None:
        return torch.tensor(default, dtype=torch.float64)
    return None if x.data is None or not x.is_constant else x.data.double()


def _scale_and_shift(
    b: Builder,
    mean: Value,
    var: Value,
    weight: Value | None,
    bias: Value | None,
    eps: float,
    dtype: torch.dtype,
) -> tuple[Value, Value]:
    """scale = weight / sqrt(var + eps), shift = bias - mean * scale; constants in float64."""
    m, v, w, s = _known(mean, 0), _known(var, 1), _known(weight, 1), _known(bias, 0)
    if m is not None and v is not None and w is not None and s is not None:
        scale = w / torch.sqrt(v + eps)
        return b.constant(scale.to(dtype)), b.constant((s - m * scale).to(dtype))
    slope = _inverse_root(b, cast(b, var, dtype), eps)
    if weight is not None:
        slope = _mul(b, slope, cast(b, weight, dtype))
    moved = _mul(b, cast(b, mean, dtype), slope)
    if bias is None:
        return slope, b.call("aten.neg.default", self=moved)
    return slope, b.call("aten.sub.Tensor", self=cast(b, bias, dtype), other=moved)
