"""Products of models that come with integers for weights, exactly as those models mean them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from wasm_torch_web.ops.epilogue import activation_attributes, activation_cases, finish
from wasm_torch_web.ops.gemm import matmul_flops
from wasm_torch_web.ops.integers import (
    NO_ACTIVATION,
    by_column,
    by_panel,
    pack,
    padded,
    unpack,
)
from wasm_torch_web.ops.samples import normal, numbers
from wasm_torch_web.ops.table import F32, Case, integer, row, tensor

MOST_DEPTH = 1 << 15  # sums of so many products of 8 bits each, zero point included, fit 32
BYTES = (torch.int8, torch.uint8)


# --- weights of 4 or 8 bits, floats on the left ---


def pack_columns(weight: Tensor, bits: int) -> Tensor:
    """(N, K) int8 as the kernel reads it: int8 [ceil(N / 8)][K][8]; of 4 bits, -8 to 7, uint8
    [ceil(N / 8)][ceil(K / 2)][8] of numbers that are 8 more, the first of two in the low half."""
    if bits == 8:
        return by_panel(weight)
    more = pack_columns(pad(weight, (0, weight.shape[1] % 2)) + 8, 8).to(torch.uint8)
    return more[:, ::2] | more[:, 1::2] << 4


def unpack_columns(packed: Tensor, k: int) -> Tensor:
    """What was packed: (N, K), N a multiple of 8."""
    if packed.dtype == torch.uint8:
        packed = torch.stack([packed & 15, packed >> 4], 2).flatten(1, 2).to(torch.int8) - 8
    return by_column(packed[:, :k])


def _weight_only_linear(
    input: Tensor,
    weight: Tensor,
    scale: Tensor,
    zero: Tensor,
    bias: Tensor,
    residual: Tensor | None,
    columns: int,
    group: int,
    **epilogue: Any,
) -> Tensor:
    k = input.shape[-1]
    scales, zeros = by_column(scale), by_column(zero)
    whole = unpack_columns(weight, k).float() - zeros.repeat_interleave(group, 1)
    matrix = whole * scales.repeat_interleave(group, 1)
    return finish((input @ matrix.t() + bias)[..., :columns], residual, **epilogue)


def _weight_only_cases() -> Iterator[Case]:
    def case(
        x: Tensor,
        n: int,
        groups: int,
        bits: int,
        residual: Tensor | None = None,
        attributes: dict[str, Any] = NO_ACTIVATION,
    ) -> Case:
        k, most = x.shape[-1], 1 << (bits - 1)
        weight = numbers(n, k, below=2 * most, seed=1).sub(most).to(torch.int8)
        scale = normal(n, groups, seed=4).abs() / most
        zero = numbers(n, groups, below=5, negative=True, seed=5).to(torch.int8)
        operands = (pack_columns(weight, bits), by_panel(scale), by_panel(zero))
        bias = padded(normal(n, seed=2))
        given = (x, *operands, bias, residual)
        return Case(given, {**attributes, "columns": n, "group": k // groups})

    for bits in (4, 8):
        for m, n, k in ((1, 1, 2), (2, 3, 30), (3, 5, 32), (4, 8, 34), (5, 17, 64), (25, 9, 96)):
            yield case(normal(m, k), n, 1, bits)
        for m in (1, 3, 13):
            yield case(normal(m, 128), 37, 4, bits)
        yield case(normal(2, 3, 4, 40)[:, 1:, ::2, 4:], 16, 3, bits)
        yield case(normal(40), 6, 1, bits, normal(6, seed=3))
        yield case(normal(0, 6), 6, 1, bits)
        yield case(normal(1, 320), 1000, 10, bits)
        yield case(normal(70, 320).relu(), 520, 5, bits)
    for attributes in activation_cases():
        for m in (2, 7):
            yield case(normal(m, 12), 21, 2, 8, normal(m, 21, seed=3), attributes)
    yield case(normal(3, 33), 9, 1, 8)
    yield case(normal(7, 33), 9, 1, 4)


row(
    "weight_only_linear",
    inputs=[
        tensor("input", F32, "rows"),
        tensor("weight", BYTES),
        tensor("scale", F32),
        tensor("zero", (torch.int8,)),
        tensor("bias", F32),
        tensor("residual", F32, optional=True),
    ],
    outputs=[tensor("output", F32)],
    attributes=[integer("columns"), integer("group"), *activation_attributes()],
    reference=_weight_only_linear,
    flops=matmul_flops,
    cases=_weight_only_cases,
)


# --- bytes on both sides ---


def _integer_linear(
    input: Tensor,
    weight: Tensor,
    sums: Tensor | None,
    scale: Tensor | None,
    bias: Tensor | None,
    row_scale: Tensor | None,
    row_zero: Tensor | None,
    columns: int,
    **epilogue: Any,
) -> Tensor:
    matrix = unpack(weight)[:, : input.shape[-1]]
    total = (input.double() @ matrix.double().t()).to(torch.int32)  # whole numbers
    if scale is None:
        return total[..., :columns].contiguous()
    assert sums is not None and bias is not None
    assert row_scale is not None and row_zero is not None
    moved = total - row_zero.to(torch.int32) * sums
    y = moved.float() * (row_scale * scale) + bias
    return finish(y[..., :columns], None, **epilogue)


def _integer_cases() -> Iterator[Case]:
    def case(
        x: Tensor, n: int, each_row: bool = True, attributes: dict[str, Any] = NO_ACTIVATION
    ) -> Case:
        weight = numbers(n, x.shape[-1], below=256, seed=1).sub(128).to(torch.int8)
        sums = padded(weight.sum(1, dtype=torch.int32))
        scale, bias = padded(normal(n, seed=4).abs() / 128), padded(normal(n, seed=2))
        rows = (*x.shape[:-1], 1) if each_row else (1,)
        row_scale, row_zero = normal(*rows, seed=6).abs() / 64, numbers(*rows, below=200).float()
        operands = (pack(weight), sums, scale, bias, row_scale, row_zero)
        return Case((x, *operands), {**attributes, "columns": n})

    def some(*shape: int, dtype: torch.dtype = torch.uint8) -> Tensor:
        below = numbers(*shape, below=256, seed=7)
        return (below if dtype == torch.uint8 else below - 128).to(dtype)

    for m, n, k in ((1, 1, 1), (2, 3, 31), (3, 5, 4), (4, 8, 15), (7, 17, 33), (25, 9, 64)):
        yield case(some(m, k), n)
        yield case(some(m, k, dtype=torch.int8), n, each_row=False)
    for attributes in activation_cases():
        yield case(some(5, 12), 21, attributes=attributes)
    yield case(some(2, 3, 4, 20)[:, 1:, ::2, 3:], 16)
    yield case(some(20), 6)
    yield case(some(0, 5), 6)
    yield case(some(1, 300), 1000)
    yield case(some(70, 300, dtype=torch.int8), 520)
    for x in (torch.full((3, 4000), 255, dtype=torch.uint8), some(9, 40, dtype=torch.int8)):
        weight = torch.full((11, x.shape[-1]), -128, dtype=torch.int8)
        nothing = (None, None, None, None, None)
        yield Case((x, pack(weight), *nothing), {**NO_ACTIVATION, "columns": 11})


row(
    "integer_linear",
    # Sums as they are, int32; or, with all optional operands, (sums less row_zero times those of
    # the weights) * (row_scale * scale) + bias. row_scale and row_zero, whole numbers, are those
    # of each row, or one for all.
    inputs=[
        tensor("input", BYTES, "rows"),
        tensor("weight", (torch.int8,)),
        tensor("sums", (torch.int32,), optional=True),
        tensor("scale", F32, optional=True),
        tensor("bias", F32, optional=True),
        tensor("row_scale", F32, optional=True),
        tensor("row_zero", F32, optional=True),
    ],
    outputs=[tensor("output", (torch.int32, *F32))],
    attributes=[integer("columns"), *activation_attributes()],
    reference=_integer_linear,
    flops=matmul_flops,
    cases=_integer_cases,
)


# --- integers as floats, when the model is loaded ---


def _dequantize_weight(weight: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    size = math.prod(weight.shape[1:]) // scale.shape[1]
    groups = weight.reshape(*scale.shape, size).float()
    return ((groups - zero[..., None].float()) * scale[..., None]).reshape(weight.shape)


def _dequantize_cases() -> Iterator[Case]:
    for shape, groups in (((3,), 1), ((5, 8), 2), ((9, 34), 1), ((17, 3, 5, 2), 5), ((0, 4), 1)):
        for dtype in BYTES:
            weight = numbers(*shape, below=256).sub(128 * (dtype == torch.int8)).to(dtype)
            zero = numbers(shape[0], groups, below=100).to(torch.int8)
            yield Case((weight, normal(shape[0], groups).abs(), zero))


row(
    "dequantize_weight",
    # weight: (N, ...); scale, zero: (N, G), for equal parts of each of its rows.
    inputs=[tensor("weight", BYTES), tensor("scale", F32), tensor("zero", (torch.int8,))],
    outputs=[tensor("output", F32)],
    prepares=True,
    reference=_dequantize_weight,
    cases=_dequantize_cases,
)
