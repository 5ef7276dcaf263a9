"""Layer and RMS normalisation: over the last axes.

The kernels take 16-bit inputs as they are, with float32 weights, and compute in float32, as PyTorch
does. Of float64, which models hardly use, every normalisation is made of reductions and arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.arguments import HALF, as_float32, cast
from wasm_torch_web.ops.samples import normal
from wasm_torch_web.ops.statistics import inverse_root, multiply, saved, scaled, statistics, wide
from wasm_torch_web.ops.table import F32, Case, integers, lowers, real, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

NARROW = (torch.float32, *HALF)


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
    # A sum in float32 alone would miss the mean of so many equal numbers.
    equal = torch.full((2, 90000), 0.1)
    yield Case((equal, *nothing), {"normalized_shape": (90000,), "eps": 1e-5})


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


@lowers("aten.layer_norm.default")
def layer_norm(b: Builder, a: dict[str, Any]) -> Value:
    """Over the trailing axes of `normalized_shape`."""
    x, shape = a["input"], tuple(a["normalized_shape"])
    if x.dtype == torch.float64:
        mean, scale = statistics(b, x, _last(x, len(shape)), a["eps"], keepdim=True)
        y = multiply(b, b.call("aten.sub.Tensor", self=x, other=mean), scale)
        return scaled(b, y, a["weight"], a["bias"])
    operands = [x, as_float32(b, a["weight"]), as_float32(b, a["bias"])]
    result: Value = b.emit("layer_norm", operands, {"normalized_shape": shape, "eps": a["eps"]})
    return result


@lowers("aten.native_layer_norm.default")
def native_layer_norm(b: Builder, a: dict[str, Any]) -> tuple[Value, ...]:
    """Gives mean and 1 / std too; what nobody reads is removed as dead."""
    x = cast(b, a["input"], wide(a["input"].dtype))
    dims = _last(x, len(a["normalized_shape"]))
    mean, scale = statistics(b, x, dims, a["eps"], keepdim=True)
    return (layer_norm(b, a), *saved(b, a["input"], a["weight"], mean, scale))


@lowers("aten.rms_norm.default")
def rms_norm(b: Builder, a: dict[str, Any]) -> Value:
    """x / sqrt(mean(x^2) + eps) * weight; eps is that of float32 (float64) where none is given."""
    x, shape = a["input"], tuple(a["normalized_shape"])
    eps = torch.finfo(wide(x.dtype)).eps if a["eps"] is None else a["eps"]
    if x.dtype == torch.float64:
        power = b.emit("mean", [multiply(b, x, x)], {"dim": _last(x, len(shape)), "keepdim": True})
        return scaled(b, multiply(b, x, inverse_root(b, power, eps)), a["weight"], None)
    attributes = {"normalized_shape": shape, "eps": eps}
    result: Value = b.emit("rms_norm", [x, as_float32(b, a["weight"])], attributes)
    return result


def _last(x: Value, count: int) -> tuple[int, ...]:
    return tuple(range(x.rank - count, x.rank))
