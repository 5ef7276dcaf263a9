"""Layer, RMS, group, instance and batch normalisation.

layer_norm and rms_norm take every float dtype; their weights are float32, or float64 where the
input is. For the others 16-bit inputs are cast, which is what PyTorch computes too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.arguments import cast
from wasm_torch_web.ops.samples import channels_last, normal
from wasm_torch_web.ops.table import F32, FLOATS, Case, integer, integers, lowers, real, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

WIDE = (torch.float32, torch.float64)


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
    y = F.layer_norm(x.to(wide(x.dtype)), tuple(normalized_shape), weight, bias, eps)
    return y.to(x.dtype)


def _rms_norm(
    x: torch.Tensor, weight: torch.Tensor | None, normalized_shape: Sequence[int], eps: float
) -> torch.Tensor:
    return F.rms_norm(x.to(wide(x.dtype)), tuple(normalized_shape), weight, eps).to(x.dtype)


def _group_norm(
    x: torch.Tensor, weight: torch.Tensor | None, bias: torch.Tensor | None, groups: int, eps: float
) -> torch.Tensor:
    return F.group_norm(x, groups, weight, bias, eps)


def _batch_norm(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    shape = (-1, *([1] * (x.dim() - 2)))
    return x * scale.reshape(shape) + shift.reshape(shape)


def _row_cases(operands: int) -> Iterator[Case]:
    """Of layer_norm (weight and bias) and rms_norm (weight)."""
    for dtype in FLOATS:
        for shape, size in (((3, 17), (17,)), ((2, 5, 4, 3), (4, 3)), ((4, 384), (384,))):
            weights = [normal(*size, dtype=wide(dtype), seed=i) for i in range(operands)]
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
    for dtype in WIDE:
        for shape in ((2, 5), (3, 4, 17), (2, 7, 5, 3), (1, 1, 1, 1), (0, 3, 4), (1, 3, 2, 2, 5)):
            c = shape[1]
            x = normal(*shape, dtype=dtype)
            operands = (normal(c, dtype=dtype, seed=1), normal(c, dtype=dtype, seed=2))
            yield Case((x, *operands))
            if len(shape) == 4:
                yield Case((channels_last(x), *operands))


row(
    "layer_norm",
    inputs=[
        tensor("input", FLOATS),
        tensor("weight", WIDE, optional=True),
        tensor("bias", WIDE, optional=True),
    ],
    outputs=[tensor("output", FLOATS)],
    attributes=[integers("normalized_shape"), real("eps")],
    reference=_layer_norm,
    inplace=0,
    cases=lambda: _row_cases(2),
)

row(
    "rms_norm",
    inputs=[tensor("input", FLOATS), tensor("weight", WIDE, optional=True)],
    outputs=[tensor("output", FLOATS)],
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
    inputs=[tensor("input", WIDE, "dense_any"), tensor("scale", WIDE), tensor("shift", WIDE)],
    outputs=[tensor("output", WIDE, "like")],
    reference=_batch_norm,
    inplace=0,
    cases=_batch_cases,
)


def _optional(b: Builder, x: Value | None, dtype: torch.dtype) -> Value | None:
    return None if x is None else cast(b, x, wide(dtype))


@lowers("aten.layer_norm.default")
def layer_norm(b: Builder, a: dict[str, Any]) -> Value:
    """Over the trailing axes of `normalized_shape`."""
    x = a["input"]
    operands = [x, _optional(b, a["weight"], x.dtype), _optional(b, a["bias"], x.dtype)]
    shape = tuple(a["normalized_shape"])
    result: Value = b.emit("layer_norm", operands, {"normalized_shape": shape, "eps": a["eps"]})
    return result


@lowers("aten.native_layer_norm.default")
def native_layer_norm(b: Builder, a: dict[str, Any]) -> tuple[Value, Value, Value]:
    """Gives mean and 1 / std too; what nobody reads is removed as dead."""
    x = cast(b, a["input"], wide(a["input"].dtype))
    dims = tuple(range(x.rank - len(a["normalized_shape"]), x.rank))
    mean, scale = _statistics(b, x, dims, a["eps"], keepdim=True)
    return layer_norm(b, a), mean, scale


@lowers("aten.rms_norm.default")
def rms_norm(b: Builder, a: dict[str, Any]) -> Value:
    """x / sqrt(mean(x^2) + eps) * weight; eps is that of float32 (float64) where none is given."""
    x = a["input"]
    eps = torch.finfo(wide(x.dtype)).eps if a["eps"] is None else a["eps"]
    attributes = {"normalized_shape": tuple(a["normalized_shape"]), "eps": eps}
    result: Value = b.emit("rms_norm", [x, _optional(b, a["weight"], x.dtype)], attributes)
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
        mean = b.emit("mean", [x], {"dim": dims, "keepdim": False})
        var = b.emit("var", [x], {"dim": dims, "keepdim": False, "correction": 0.0})
    scale, shift = _scale_and_shift(b, mean, var, a["weight"], a["bias"], a["eps"], x.dtype)
    return cast(b, b.emit("batch_norm", [x, scale, shift]), a["input"].dtype)


@lowers("aten._native_batch_norm_legit_no_training.default")
def native_batch_norm(b: Builder, a: dict[str, Any]) -> tuple[Value | None, Value, Value]:
    """With running statistics; the saved ones are empty, as in PyTorch."""
    empty = b.constant(torch.empty(0, dtype=wide(a["input"].dtype)))
    return batch_norm(b, a), empty, empty


def _split_groups(b: Builder, x: Value, groups: Any) -> Value:
    """x as (samples, groups, elements of a group), in the dtype of sums."""
    result: Value = b.call(
        "aten.reshape.default",
        self=cast(b, x, wide(x.dtype)),
        shape=(x.shape[0], groups, -1),
    )
    return result


def _grouped(
    b: Builder, x: Value, weight: Value | None, bias: Value | None, groups: Any, eps: float
) -> Value:
    if x.dtype == torch.float64:
        return _grouped_double(b, x, weight, bias, groups, eps)
    operands = [_optional(b, t, x.dtype) for t in (x, weight, bias)]
    return cast(b, b.emit("group_norm", operands, {"groups": groups, "eps": eps}), x.dtype)


def _grouped_double(
    b: Builder, x: Value, weight: Value | None, bias: Value | None, groups: Any, eps: float
) -> Value:
    parts = _split_groups(b, x, groups)
    mean, scale = _statistics(b, parts, (2,), eps, keepdim=True)
    centered = b.call("aten.sub.Tensor", self=parts, other=mean)
    y: Value = b.call("aten.mul.Tensor", self=centered, other=scale)
    y = b.call("aten.reshape.default", self=y, shape=x.shape)
    if weight is None and bias is None:
        return y
    constants = {"size": (x.shape[1],), "dtype": x.dtype}
    weight = weight or b.call("aten.full.default", fill_value=1, **constants)
    bias = bias or b.call("aten.full.default", fill_value=0, **constants)
    y = b.emit("batch_norm", [y, weight, bias])
    return y


def _statistics(
    b: Builder, x: Value, dims: tuple[int, ...], eps: float, keepdim: bool
) -> tuple[Value, Value]:
    """Mean and 1 / sqrt(variance + eps)."""
    mean = b.emit("mean", [x], {"dim": dims, "keepdim": keepdim})
    var = b.emit("var", [x], {"dim": dims, "keepdim": keepdim, "correction": 0.0})
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
        slope = b.call("aten.mul.Tensor", self=slope, other=cast(b, weight, dtype))
    moved = b.call("aten.mul.Tensor", self=cast(b, mean, dtype), other=slope)
    if bias is None:
        return slope, b.call("aten.neg.default", self=moved)
    return slope, b.call("aten.sub.Tensor", self=cast(b, bias, dtype), other=moved)
