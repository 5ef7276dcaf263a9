"""Group and instance normalisation: over groups of channels, computed in float32."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.arguments import as_float32, cast
from wasm_torch_web.ops.normalization_batch import batch_norm
from wasm_torch_web.ops.samples import channels_last, normal
from wasm_torch_web.ops.statistics import multiply, saved, scaled, statistics, wide
from wasm_torch_web.ops.table import F32, Case, integer, lowers, real, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def _group_norm(
    x: torch.Tensor, weight: torch.Tensor | None, bias: torch.Tensor | None, groups: int, eps: float
) -> torch.Tensor:
    return F.group_norm(x, groups, weight, bias, eps)


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
    yield Case((torch.full((1, 2, 300, 300), 0.1), None, None), {"groups": 1, "eps": 1e-5})


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


@lowers("aten.group_norm.default")
def group_norm(b: Builder, a: dict[str, Any]) -> Value:
    """Over groups of channels; the channels are axis 1."""
    return _grouped(b, a["input"], a["weight"], a["bias"], a["num_groups"], a["eps"])


@lowers("aten.native_group_norm.default")
def native_group_norm(b: Builder, a: dict[str, Any]) -> tuple[Value, ...]:
    """Gives mean and 1 / std of each (sample, group) too."""
    x, groups = a["input"], a["group"]
    mean, scale = statistics(b, _split_groups(b, x, groups), (2,), a["eps"], keepdim=False)
    y = _grouped(b, x, a["weight"], a["bias"], groups, a["eps"])
    return (y, *saved(b, x, a["weight"], mean, scale))


@lowers("aten.instance_norm.default")
def instance_norm(b: Builder, a: dict[str, Any]) -> Value | None:
    """A group norm with one channel a group, or a batch norm where running statistics are used."""
    if not a["use_input_stats"]:
        normalized: Value | None = batch_norm(b, a)
        return normalized
    x = a["input"]  # running statistics are not read; that they are updated is not in the program
    return _grouped(b, x, a["weight"], a["bias"], x.shape[1], a["eps"])


def _split_groups(b: Builder, x: Value, groups: Any) -> Value:
    """x as (samples, groups, elements of a group), in the dtype of sums."""
    elements = -1 if 0 not in x.shape else math.prod(x.shape[1:]) // groups
    shape = (x.shape[0], groups, elements)
    result: Value = b.call("aten.reshape.default", self=cast(b, x, wide(x.dtype)), shape=shape)
    return result


def _grouped(
    b: Builder, x: Value, weight: Value | None, bias: Value | None, groups: Any, eps: float
) -> Value:
    if x.dtype == torch.float64:
        parts = _split_groups(b, x, groups)
        mean, scale = statistics(b, parts, (2,), eps, keepdim=True)
        y = multiply(b, b.call("aten.sub.Tensor", self=parts, other=mean), scale)
        y = b.call("aten.reshape.default", self=y, shape=x.shape)
        return scaled(b, y, weight, bias, axis=1)
    operands = [as_float32(b, x), as_float32(b, weight), as_float32(b, bias)]
    return cast(b, b.emit("group_norm", operands, {"groups": groups, "eps": eps}), x.dtype)
