"""Matrix products: `linear` with packed weights and a fused epilogue; `matmul`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.arguments import in_float32
from wasm_torch_web.ops.epilogue import activation_attributes, activation_cases, finish
from wasm_torch_web.ops.samples import corners, normal
from wasm_torch_web.ops.table import F32, INTS, Attributes, Case, Shapes, lowers, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def _linear(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    residual: torch.Tensor | None,
    **epilogue: Any,
) -> torch.Tensor:
    return finish(F.linear(input, weight, bias), residual, **epilogue)


def _linear_flops(inputs: Shapes, outputs: Shapes, attributes: Attributes) -> Any:
    return 2 * math.prod(outputs[0]) * inputs[1][1]


def _linear_cases() -> Iterator[Case]:
    none = {"activation": "none", "low": -math.inf, "high": math.inf}
    for m, n, k in ((1, 1, 1), (3, 5, 4), (4, 8, 15), (7, 17, 3), (15, 24, 33), (25, 9, 64)):
        bias = normal(n, seed=2)
        yield Case((normal(m, k), normal(n, k, seed=1), bias, None), none)
    for attributes in activation_cases():
        x, weight = normal(7, 12), normal(21, 12, seed=1)
        yield Case((x, weight, normal(21, seed=2), normal(7, 21, seed=3)), attributes)
    x = normal(2, 3, 4, 20)
    yield Case((x, normal(17, 20, seed=1), None, None), none)
    yield Case((x[:, 1:, ::2, 3:], normal(16, 17, seed=1), normal(16), None), none)
    yield Case((normal(20), normal(6, 20, seed=1), None, normal(6)), none)
    yield Case((normal(0, 5), normal(6, 5, seed=1), None, None), none)
    yield Case((normal(4, 0), normal(6, 0), normal(6), None), none)
    yield Case((normal(40, 300), normal(520, 300, seed=1), None, None), none)
    x = corners(6, 8)
    yield Case((x, torch.eye(8)[:5], None, None), {**none, "activation": "relu"})


row(
    "linear",
    inputs=[
        tensor("input", F32, "rows"),
        tensor("weight", F32, "panel8", "dense"),
        tensor("bias", F32, optional=True),
        tensor("residual", F32, optional=True),
    ],
    outputs=[tensor("output", F32)],
    attributes=activation_attributes(),
    reference=_linear,
    channels=(0, -1),
    flops=_linear_flops,
    cases=_linear_cases,
)


def matmul_flops(inputs: Shapes, outputs: Shapes, attributes: Attributes) -> Any:
    """Of (..., K) times what gives `outputs`, however that is stored."""
    return 2 * math.prod(outputs[0]) * inputs[0][-1]


def _matmul_cases() -> Iterator[Case]:
    for m, n, k in ((1, 1, 1), (3, 5, 4), (15, 17, 5), (33, 40, 16)):
        yield Case((normal(m, k), normal(k, n, seed=1)))
        yield Case((normal(k, m).t(), normal(n, k, seed=1).t()))
    yield Case((normal(2, 1, 5, 7), normal(3, 7, 9, seed=1)))
    yield Case((normal(3, 4, 5, 6), normal(6, 4, seed=1)))
    yield Case((normal(5, 6), normal(4, 6, 3, seed=1)))
    heads = normal(2, 9, 3, 8).permute(0, 2, 1, 3)
    yield Case((heads, heads.transpose(-1, -2)))
    yield Case((normal(1, 4, 6).expand(5, 4, 6), normal(6, 8, seed=1).expand(5, 6, 8)))
    yield Case((normal(0, 3), normal(3, 4)))
    yield Case((normal(3, 0), normal(0, 4)))
    yield Case((normal(0, 2, 3), normal(0, 3, 4)))
    yield Case((normal(70, 400), normal(400, 500, seed=1)))
    for m, n, k in ((1, 600, 300), (2, 3, 5000), (8, 43, 130), (13, 9, 2050)):
        x, y = normal(2, m, k) / math.sqrt(k), normal(2, k, n, seed=1)
        yield Case((x, y))
        yield Case((x[0], y[0]))
        yield Case((x, y.transpose(1, 2).contiguous().transpose(1, 2)))
    for dtype in (*INTS, torch.float64):
        yield Case((normal(2, 9, dtype=dtype), normal(9, 37, dtype=dtype, seed=1)))
        x, y = normal(2, 5, 7, dtype=dtype), normal(7, 3, dtype=dtype, seed=1)
        yield Case((x, y.expand(2, 7, 3)))
        yield Case((x.transpose(1, 2), normal(5, 4, dtype=dtype)))
    yield Case((torch.full((2, 40), 100, dtype=torch.int8), torch.full((40, 3), 101).char()))


MATMUL = (torch.float32, torch.float64, *INTS)

row(
    "matmul",
    inputs=[tensor("self", MATMUL, "strided"), tensor("other", MATMUL, "strided")],
    outputs=[tensor("output", MATMUL)],
    reference=torch.matmul,
    flops=matmul_flops,
    cases=_matmul_cases,
)


def product(b: Builder, x: Value, y: Value, bias: Value | None = None) -> Any:
    """x @ y (+ bias) for any ranks; constant weights on the right become `linear`."""
    if x.rank == 1:
        wide = product(b, b.emit("unsqueeze", [x], {"dim": 0}), y, bias)
        return _squeezed(b, wide, -1 if y.rank == 1 else -2)
    if y.rank == 1:
        return _squeezed(b, product(b, x, b.emit("unsqueeze", [y], {"dim": 1}), bias), -1)
    if y.rank == 2 and _is_weight(y) and x.dtype == torch.float32:
        return _emit_linear(b, x, b.emit("permute", [y], {"dims": (1, 0)}), bias)
    result = b.emit("matmul", [x, y], {})
    return result if bias is None else b.call("aten.add.Tensor", self=result, other=bias)


def _is_weight(x: Value) -> bool:
    """Whether x is a constant, or will be one when constants are folded."""
    if x.producer is None:
        return x.is_constant
    inputs = [value for value in x.producer.inputs if value is not None]
    return bool(inputs) and all(map(_is_weight, inputs))


def _squeezed(b: Builder, x: Value, dim: int) -> Any:
    return b.emit("squeeze", [x], {"dim": (dim % x.rank,)})


def _emit_linear(b: Builder, x: Value, weight: Value, bias: Value | None) -> Any:
    return b.emit("linear", [x, weight, bias, None], {})


@lowers("aten.linear.default")
@in_float32
def linear(b: Builder, a: dict[str, Any]) -> Any:
    """Weights in PyTorch's layout (N, K) are what the kernel wants."""
    x, weight, bias = a["input"], a["weight"], a["bias"]
    if weight.rank == 2 and x.dtype == torch.float32:
        return _emit_linear(b, x, weight, bias)
    transposed = weight if weight.rank == 1 else b.emit("permute", [weight], {"dims": (1, 0)})
    return product(b, x, transposed, bias)


@lowers("aten.matmul.default")
@in_float32
def matmul(b: Builder, a: dict[str, Any]) -> Any:
    """A product with broadcast leading axes."""
    return product(b, a["self"], a["other"])


@lowers("aten.mm.default", "aten.bmm.default")
@in_float32
def mm(b: Builder, a: dict[str, Any]) -> Any:
    """Matrices, or as many on both sides."""
    return product(b, a["self"], a["mat2"])


@lowers("aten.mv.default")
@in_float32
def mv(b: Builder, a: dict[str, Any]) -> Any:
    """Matrix times vector."""
    return product(b, a["self"], a["vec"])


@lowers("aten.dot.default", "aten.vdot.default")
@in_float32
def dot(b: Builder, a: dict[str, Any]) -> Any:
    """Vector times vector: a 0-d tensor."""
    return product(b, a["self"], a["tensor"] if "tensor" in a else a["other"])


@lowers("aten.addmm.default", "aten.baddbmm.default", "aten.addmv.default")
@in_float32
def addmm(b: Builder, a: dict[str, Any]) -> Any:
    """beta * self + alpha * (x @ y), whatever the two are called."""
    _, x, y, *_ = a.values()  # in the order of the schema
    return _scaled_sum(b, a, x, y)


@lowers("aten.addbmm.default")
@in_float32
def addbmm(b: Builder, a: dict[str, Any]) -> Any:
    """beta * self + alpha * (batch1 @ batch2, added up): one product of matrices side by side."""
    x, y = a["batch1"], a["batch2"]
    x = b.call("aten.permute.default", self=x, dims=(1, 0, 2))
    x = b.call("aten.reshape.default", self=x, shape=(x.shape[0], x.shape[1] * x.shape[2]))
    y = b.call("aten.reshape.default", self=y, shape=(y.shape[0] * y.shape[1], y.shape[2]))
    return _scaled_sum(b, a, x, y)


@lowers("aten._trilinear.default")
@in_float32
def trilinear(b: Builder, a: dict[str, Any]) -> Any:
    """What `bilinear` is made of: sums of x[n, i] * weight[o, i, j] * y[n, j] over i and j."""
    x, weight, y = a["i1"], a["i2"], a["i3"]
    axes = [list(a[name]) for name in ("expand1", "expand2", "expand3", "sumdim")]
    if axes != [[1, 3], [0], [1, 2], [2, 3]] or weight.rank != 3:
        return None
    outputs, inner, columns = weight.shape
    flat = b.call("aten.reshape.default", self=weight, shape=(outputs * inner, columns))
    rows = product(b, y, b.emit("permute", [flat], {"dims": (1, 0)}))  # (N, O * I)
    rows = b.call("aten.reshape.default", self=rows, shape=(y.shape[0], outputs, inner))
    return _squeezed(b, product(b, rows, b.emit("unsqueeze", [x], {"dim": 2})), -1)


def _scaled_sum(b: Builder, a: dict[str, Any], x: Value, y: Value) -> Any:
    bias, alpha, beta = a["self"], a["alpha"], a["beta"]
    if alpha == 1 and beta == 1 and bias.shape == y.shape[1:] != ():
        return product(b, x, y, bias)
    result = _times(b, product(b, x, y), alpha)
    if beta == 0:
        return result  # a NaN in self does not count
    return b.call("aten.add.Tensor", self=_times(b, bias, beta), other=result)


def _times(b: Builder, x: Value, factor: Any) -> Any:
    if factor == 1:
        return x
    return b.call("aten.mul.Tensor", self=x, other=b.scalar(factor, x.dtype))
