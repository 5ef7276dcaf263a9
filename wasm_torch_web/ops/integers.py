"""What rows of int8 products share: bytes of 7 bits, packed weights, exact sums, and back.

The left side of a product is bytes from 0 to 127, so that pairs of products fit 16 bits whatever a
machine does with them; weights are -127 to 127. Sums are whole numbers, and what follows is float32
in a fixed order: every machine gives the same bits.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch

from wasm_torch_web.ops.epilogue import activation_attributes, finish
from wasm_torch_web.ops.table import F32, Attribute, Operand, dtype, integer, real, tensor

COLUMNS, DEPTH = 8, 4  # of a panel; csrc/kernels/int8.h
MOST_DEPTH = 1 << 17  # sums of so many products fit 32 bits
STEPS = 127
LEAST_RANGE = 2.0**-100

BYTES = (torch.uint8,)
NO_ACTIVATION = {"activation": "none", "low": -math.inf, "high": math.inf}


class Packed(NamedTuple):
    """The operands of that name: constants, all but `weight` padded to whole panels."""

    weight: torch.Tensor
    scale: torch.Tensor
    sums: torch.Tensor
    bias: torch.Tensor


def quantize_over(
    x: torch.Tensor, axes: tuple[int, ...]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The numbers 0 to 127 that x becomes, scale and zero over these axes: x is scale * (q - zero).

    A range that is too small becomes zeros; NaN, infinities and a range beyond float32 make the
    scale NaN.
    """
    low = x.amin(axes, keepdim=True).clamp(max=0)
    span = x.amax(axes, keepdim=True).clamp(min=0) - low
    usable = (span >= LEAST_RANGE) & (span < math.inf)
    # A number divided by a tensor is a product with its reciprocal, which is rounded twice.
    inverse = torch.where(usable, torch.full_like(span, STEPS) / span, 0)
    scale = torch.where(usable, span / STEPS, torch.where(span < LEAST_RANGE, 0, math.nan))
    zero = torch.where(usable, (-low * inverse).round(), 0)
    q = torch.where(usable, ((x * inverse).round() + zero).clamp(0, STEPS), 0)
    return q, scale, zero


def padded(columns: torch.Tensor) -> torch.Tensor:
    """(N, ...) with zeros up to whole panels."""
    more = (*(0, 0) * (columns.dim() - 1), 0, -len(columns) % COLUMNS)
    return torch.nn.functional.pad(columns, more)


def by_panel(columns: torch.Tensor) -> torch.Tensor:
    """(N, K) as [ceil(N / 8)][K][8], padded with 0."""
    return padded(columns).reshape(-1, COLUMNS, columns.shape[1]).transpose(1, 2).contiguous()


def by_column(panels: torch.Tensor) -> torch.Tensor:
    """What `by_panel` was given, padded."""
    return panels.transpose(1, 2).flatten(0, 1)


def pack(matrix: torch.Tensor) -> torch.Tensor:
    """(N, ..., K) int8 as kernels read it, [ceil(N / 8)][...][ceil(K / 4)][8][4] padded with 0."""
    _, *taps, k = matrix.shape
    whole = padded(torch.nn.functional.pad(matrix, (0, -k % DEPTH)))
    panels = whole.reshape(-1, COLUMNS, *taps, whole.shape[-1] // DEPTH, DEPTH)
    return panels.movedim(1, -2).contiguous()


def unpack(weight: torch.Tensor) -> torch.Tensor:
    """What was packed, padded."""
    panels = weight.movedim(-2, 1)
    return panels.reshape(-1, *panels.shape[2:-2], panels.shape[-2] * DEPTH)


def round_rows(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Whole numbers from -127 to 127, as int8, and the scale of each of the rows (N, ...)."""
    rows = matrix.reshape(len(matrix), -1)
    scale = rows.abs().amax(1) / 127
    whole = (rows / scale.clamp(min=torch.finfo(torch.float32).tiny)[:, None]).round()
    return whole.clamp(-127, 127).to(torch.int8).reshape(matrix.shape), scale


def packed(matrix: torch.Tensor, bias: torch.Tensor | None) -> Packed:
    """The operands of a (N, ..., K) matrix of floats."""
    whole, scale = round_rows(matrix)
    offset = torch.zeros_like(scale) if bias is None else bias
    sums = whole.flatten(1).sum(1, dtype=torch.int32)
    return Packed(pack(whole), padded(scale), padded(sums), padded(offset))


def end_static(
    y: torch.Tensor,
    residual: torch.Tensor | None,
    residual_scale: float,
    dtype: torch.dtype,
    **epilogue: Any,
) -> torch.Tensor:
    """What rows of bytes do to their result: the residual, the activation, and rounding to bytes
    where that is the dtype."""
    more = None if residual is None else residual.float() * residual_scale
    y = finish(y, more, **epilogue)
    return y if dtype == torch.float32 else y.round().clamp(0, STEPS).to(torch.uint8)


def packed_operands() -> tuple[Operand, ...]:
    """Weight, scale, sums (of the whole numbers of each row) and bias."""
    return (
        tensor("weight", (torch.int8,)),
        tensor("scale", F32),
        tensor("sums", (torch.int32,)),
        tensor("bias", F32),
    )


def static_attributes() -> tuple[Attribute, ...]:
    """`zero` is that of the input; the residual's numbers, as they are, count `residual_scale`;
    where `dtype` is uint8 the result is rounded, and the activation none or a clamp."""
    return (
        integer("zero"),
        real("residual_scale", 1.0),
        dtype("dtype"),
        *activation_attributes(),
    )
