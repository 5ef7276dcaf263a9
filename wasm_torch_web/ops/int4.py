"""Products with int4 weights: blocks of 32 along K, each with its own scale and zero point.

The input becomes integers of 8 bits in the same blocks, so that the sums of a block are exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from wasm_torch_web.ops.epilogue import activation_attributes, activation_cases, finish
from wasm_torch_web.ops.gemm import matmul_flops
from wasm_torch_web.ops.integers import COLUMNS, DEPTH, NO_ACTIVATION, by_column, by_panel
from wasm_torch_web.ops.samples import corners, normal
from wasm_torch_web.ops.table import F32, Case, integer, row, tensor

BLOCK = 32  # elements along K; csrc/kernels/int4.h has these numbers too
MOST = 15  # a weight is 0 to 15
STEPS = 127  # of an input, on both sides of zero
LEAST_MAGNITUDE = 2.0**-100


def quantize_blocks(x: Tensor) -> tuple[Tensor, Tensor]:
    """The numbers -127 to 127 that blocks (..., 32) become, and their scales (..., 1).

    A block of too small numbers becomes zeros; one with NaN or an infinity has the scale NaN.
    """
    most = x.abs().amax(-1, keepdim=True)
    usable = (most >= LEAST_MAGNITUDE) & (most < math.inf)
    scale = torch.where(usable, most / STEPS, torch.where(most < LEAST_MAGNITUDE, 0, math.nan))
    inverse = torch.full_like(most, STEPS) / most  # a number divided is a product with 1 / most
    return torch.where(usable, (x * inverse).round(), 0), scale


def pack(blocks: Tensor) -> Tensor:
    """(N, B, 32) numbers 0 to 15, N a multiple of 8, as the kernel reads them: [N / 8][B][128].

    16 bytes are four of K for 8 columns: the first four columns in the low halves of bytes.
    """
    n, b, _ = blocks.shape
    steps = blocks.to(torch.uint8).reshape(n // COLUMNS, 2, 4, b, BLOCK // DEPTH, DEPTH)
    low, high = steps.permute(1, 0, 3, 4, 2, 5)  # (P, B, steps, columns, DEPTH)
    return torch.bitwise_or(low, high << 4).reshape(n // COLUMNS, b, -1)


def unpack(packed: Tensor) -> Tensor:
    """What `pack` was given."""
    p, b, _ = packed.shape
    halves = torch.stack([packed & MOST, packed >> 4])
    steps = halves.reshape(2, p, b, BLOCK // DEPTH, 4, DEPTH).permute(1, 0, 4, 2, 3, 5)
    return steps.reshape(p * COLUMNS, b, BLOCK)


def matrix(weight: Tensor, scale: Tensor, zero: Tensor, n: int, k: int) -> Tensor:
    """The (N, K) matrix of floats that packed weights stand for."""
    blocks = (unpack(weight).float() - by_column(zero)[..., None]) * by_column(scale)[..., None]
    return blocks.flatten(1)[:n, :k]


def _int4_linear(
    input: Tensor,
    weight: Tensor,
    scale: Tensor,
    zero: Tensor,
    bias: Tensor,
    residual: Tensor | None,
    columns: int,
    **epilogue: Any,
) -> Tensor:
    padded = pad(input, (0, -input.shape[-1] % BLOCK))
    q, step = quantize_blocks(padded.reshape(*input.shape[:-1], weight.shape[1], BLOCK))
    whole = unpack(weight).float() - by_column(zero)[..., None]
    factor = by_column(scale).float()
    y = input.new_zeros((*input.shape[:-1], len(whole)))
    for block in range(whole.shape[1]):  # sums of a block are whole numbers, and exact
        y = y + q[..., block, :] @ whole[:, block].t() * factor[:, block] * step[..., block, :]
    return finish((y + bias)[..., :columns], residual, **epilogue)


def _cases() -> Iterator[Case]:
    def case(
        x: Tensor,
        n: int,
        residual: Tensor | None = None,
        attributes: dict[str, Any] = NO_ACTIVATION,
    ) -> Case:
        blocks = -(-x.shape[-1] // BLOCK)
        rows = -(-n // COLUMNS) * COLUMNS
        weight = normal(rows, blocks, BLOCK, seed=1).mul(4).add(8).clamp(0, MOST).round()
        scale = by_panel(normal(rows, blocks, seed=4).abs()).bfloat16()
        zero = by_panel(normal(rows, blocks, seed=5).mul(3).add(8).clamp(0, MOST).to(torch.uint8))
        operands = (pack(weight), scale, zero, normal(rows, seed=2))
        return Case((x, *operands, residual), {**attributes, "columns": n})

    for m, n, k in ((1, 1, 1), (2, 3, 31), (3, 5, 32), (4, 8, 33), (5, 17, 64), (25, 9, 100)):
        yield case(normal(m, k), n)
    for attributes in activation_cases():
        yield case(normal(7, 12), 21, normal(7, 21, seed=3), attributes)
    yield case(normal(2, 3, 4, 40)[:, 1:, ::2, 3:], 16)
    yield case(normal(40), 6, normal(6, seed=3))
    yield case(normal(0, 5), 6)
    yield case(normal(1, 300), 1000)
    yield case(normal(70, 300).relu(), 520)
    yield case(torch.cat([torch.zeros(2, 70), normal(3, 70) * 1e-36, normal(3, 70) * 1e30]), 9)
    yield case(torch.cat([corners(9, 8), normal(2, 8)]), 5)
    yield case(torch.cat([normal(3, 32), torch.zeros(3, 32), normal(3, 32) * 1e-20], 1), 5)
    for zero in (0, MOST):  # the largest sums that there are
        x = torch.ones(5, 96)
        x[1] = -1
        x[2, ::2] = -1
        weight = torch.full((8, 3, BLOCK), MOST - zero)
        panels = by_panel(torch.ones(8, 3))
        operands = (pack(weight), panels.bfloat16(), (panels * zero).to(torch.uint8))
        yield Case((x, *operands, torch.zeros(8), None), {**NO_ACTIVATION, "columns": 8})


row(
    "int4_linear",
    inputs=[
        tensor("input", F32, "rows"),
        tensor("weight", (torch.uint8,)),
        tensor("scale", (torch.bfloat16,)),
        tensor("zero", (torch.uint8,)),
        tensor("bias", F32),
        tensor("residual", F32, optional=True),
    ],
    outputs=[tensor("output", F32)],
    attributes=[integer("columns"), *activation_attributes()],
    reference=_int4_linear,
    flops=matmul_flops,
    cases=_cases,
)
