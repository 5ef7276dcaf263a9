"""Batch normalisation: one scale and one shift a channel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import cast
from wasm_torch_web.ops.samples import channels_last, normal
from wasm_torch_web.ops.statistics import (
    inverse_root,
    moments,
    multiply,
    saved,
    scaled,
    statistics,
    wide,
)
from wasm_torch_web.ops.table import F32, Case, lowers, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def _batch_norm(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    shape = (-1, *([1] * (x.dim() - 2)))
    return x * scale.reshape(shape) + shift.reshape(shape)


def _batch_cases() -> Iterator[Case]:
    for shape in ((2, 5), (3, 4, 17), (2, 7, 5, 3), (1, 1, 1, 1), (0, 3, 4), (1, 3, 2, 2, 5)):
        c, x = shape[1], normal(*shape)
        operands = (normal(c, seed=1), normal(c, seed=2))
        yield Case((x, *operands))
        if len(shape) == 4:
            yield Case((channels_last(x), *operands))


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


@lowers("aten.batch_norm.default")
def batch_norm(b: Builder, a: dict[str, Any]) -> Value | None:
    """Scale and shift from running statistics, or from the batch's where there are none."""
    x = cast(b, a["input"], wide(a["input"].dtype))
    mean, var = a["running_mean"], a["running_var"]
    if a.get("training") and mean is not None:
        return None  # would update them
    if mean is None:
        mean, var = moments(b, x, _all_but_channels(x), keepdim=False)
    scale, shift = _scale_and_shift(b, mean, var, a["weight"], a["bias"], a["eps"], x.dtype)
    if x.dtype == torch.float64:
        return scaled(b, x, scale, shift, axis=1)
    return cast(b, b.emit("batch_norm", [x, scale, shift]), a["input"].dtype)


@lowers("aten._native_batch_norm_legit.no_stats")
def batch_statistics_norm(b: Builder, a: dict[str, Any]) -> tuple[Value | None, ...]:
    """With the batch's own statistics, which it gives as mean and 1 / std."""
    x = cast(b, a["input"], wide(a["input"].dtype))
    mean, scale = statistics(b, x, _all_but_channels(x), a["eps"], keepdim=False)
    y = batch_norm(b, {**a, "running_mean": None, "running_var": None})
    return (y, *saved(b, a["input"], a["weight"], mean, scale))


@lowers("aten._native_batch_norm_legit_no_training.default")
def native_batch_norm(b: Builder, a: dict[str, Any]) -> tuple[Value | None, Value, Value]:
    """With running statistics; the saved ones are empty, as in PyTorch."""
    empty = b.constant(torch.empty(0, dtype=a["input"].dtype))
    return batch_norm(b, a), empty, empty


@lowers("aten._native_batch_norm_legit_functional.default")
def functional_batch_norm(b: Builder, a: dict[str, Any]) -> tuple[Value | None, ...]:
    """Gives the running statistics too: in training, moved towards those of the batch."""
    if not a["training"]:
        running = a["running_mean"], a["running_var"]
        return (*native_batch_norm(b, a), *_as_inferred(b, *running))
    x = cast(b, a["input"], wide(a["input"].dtype))
    dims = _all_but_channels(x)
    mean, unbiased = (
        b.emit("mean", [x], {"dim": dims, "keepdim": False}),
        b.emit("var", [x], {"dim": dims, "keepdim": False, "correction": 1.0}),
    )
    known = (a["running_mean"], mean), (a["running_var"], unbiased)
    moved = (_towards(b, old, new, a["momentum"]) for old, new in known)
    return (*batch_statistics_norm(b, a), *_as_inferred(b, *moved))


@lowers("aten._batch_norm_with_update_functional.default")
def batch_norm_with_update(b: Builder, a: dict[str, Any]) -> tuple[Value | None, ...]:
    """As in training, with an empty reserve for the gradient."""
    y, mean, scale, *running = functional_batch_norm(b, {**a, "training": True})
    return (y, mean, scale, b.constant(torch.empty(0, dtype=torch.uint8)), *running)


def _as_inferred(b: Builder, *running: Value) -> tuple[Value, ...]:
    """Running statistics in the dtype that PyTorch infers: halves become float32 in a graph, and
    are what they were when they are written back."""
    if b.expected is None:
        return running
    return tuple(cast(b, x, fake.dtype) for x, fake in zip(running, b.expected[-2:], strict=True))


def _all_but_channels(x: Value) -> tuple[int, ...]:
    return tuple(d for d in range(x.rank) if d != 1)


def _towards(b: Builder, old: Value, new: Value, share: float) -> Value:
    """old * (1 - share) + new * share, in old's dtype."""
    kept = b.call("aten.mul.Scalar", self=cast(b, old, new.dtype), other=1 - share)
    given = b.call("aten.mul.Scalar", self=new, other=share)
    return cast(b, b.call("aten.add.Tensor", self=kept, other=given), old.dtype)


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
    slope = inverse_root(b, cast(b, var, dtype), eps)
    if weight is not None:
        slope = multiply(b, slope, cast(b, weight, dtype))
    moved = multiply(b, cast(b, mean, dtype), slope)
    if bias is None:
        return slope, b.call("aten.neg.default", self=moved)
    return slope, b.call("aten.sub.Tensor", self=cast(b, bias, dtype), other=moved)
