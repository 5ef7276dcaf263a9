"""Products with int8 weights: what each row of the input becomes, exact sums, and back to float.
Rows of such weights by number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.epilogue import activation_attributes, activation_cases, finish
from wasm_torch_web.ops.samples import corners, normal, numbers
from wasm_torch_web.ops.table import F32, INDEX, Attributes, Case, Shapes, integer, row, tensor

COLUMNS, DEPTH = 8, 4  # of a panel; csrc/kernels/int8.h
MOST_DEPTH = 1 << 17  # sums of so many products fit 32 bits
STEPS = 127  # an input has 7 bits, so that pairs of products fit 16 whatever a machine does
LEAST_RANGE = 2.0**-100


def quantize_rows(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The numbers 0 to 127 that a row becomes, its scale and its zero: x is scale * (q - zero).

    A range that is too small becomes zeros; NaN, infinities and a range beyond float32 make the
    scale NaN.
    """
    low = x.amin(-1, keepdim=True).clamp(max=0)
    span = x.amax(-1, keepdim=True).clamp(min=0) - low
    usable = (span >= LEAST_RANGE) & (span < math.inf)
    inverse = torch.where(usable, STEPS / span, 0)
    scale = torch.where(usable, span / STEPS, torch.where(span < LEAST_RANGE, 0, math.nan))
    zero = torch.where(usable, (-low * inverse).round(), 0)
    q = torch.where(usable, ((x * inverse).round() + zero).clamp(0, STEPS), 0)
    return q, scale, zero


def pack(weight: torch.Tensor) -> torch.Tensor:
    """(N, K) int8 as the kernel reads it: [ceil(N / 8)][ceil(K / 4)][8][4], padded with zeros."""
    n, k = weight.shape
    padded = F.pad(weight, (0, -k % DEPTH, 0, -n % COLUMNS))
    panels = padded.reshape(-1, COLUMNS, padded.shape[1] // DEPTH, DEPTH)
    return panels.permute(0, 2, 1, 3).contiguous()


def unpack(packed: torch.Tensor, scale: torch.Tensor, n: int, k: int) -> torch.Tensor:
    """The (N, K) matrix of floats that packed weights stand for."""
    return (_matrix(packed) * scale[:, None])[:n, :k]


def _matrix(packed: torch.Tensor) -> torch.Tensor:
    """Padded, (N, K)."""
    return packed.permute(0, 2, 1, 3).reshape(packed.shape[0] * COLUMNS, -1)


def _quantized_linear(
    input: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor,
    sums: torch.Tensor,
    bias: torch.Tensor,
    residual: torch.Tensor | None,
    columns: int,
    **epilogue: Any,
) -> torch.Tensor:
    q, row_scale, zero = quantize_rows(input)
    matrix = _matrix(weight)[:, : input.shape[-1]]
    total = q.double() @ matrix.double().t() - zero.double() * sums  # whole numbers
    y = total.float() * (row_scale * scale) + bias
    return finish(y[..., :columns], residual, **epilogue)


def quantize_weight(
    weight: torch.Tensor, bias: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """The operands weight, scale, sums and bias of a (N, K) matrix: -127 to 127 in each row."""
    scale = weight.abs().amax(1) / 127
    whole = (weight / scale.clamp(min=torch.finfo(torch.float32).tiny)[:, None]).round()
    whole = whole.clamp(-127, 127).to(torch.int8)
    more = (0, -len(weight) % COLUMNS)
    offset = torch.zeros_like(scale) if bias is None else bias
    sums = whole.sum(1, dtype=torch.int32)
    return pack(whole), F.pad(scale, more), F.pad(sums, more), F.pad(offset, more)


def _flops(inputs: Shapes, outputs: Shapes, attributes: Attributes) -> Any:
    return 2 * math.prod(outputs[0]) * inputs[0][-1]


def _cases() -> Iterator[Case]:
    none = {"activation": "none", "low": -math.inf, "high": math.inf}

    def case(
        x: torch.Tensor,
        n: int,
        residual: torch.Tensor | None = None,
        attributes: dict[str, Any] = none,
    ) -> Case:
        bias = normal(n, seed=2)
        operands = quantize_weight(normal(n, x.shape[-1], seed=1), bias)
        return Case((x, *operands, residual), {**attributes, "columns": n})

    for m, n, k in ((1, 1, 1), (3, 5, 4), (4, 8, 15), (7, 17, 3), (15, 24, 33), (25, 9, 64)):
        yield case(normal(m, k), n)
    for attributes in activation_cases():
        yield case(normal(7, 12), 21, normal(7, 21, seed=3), attributes)
    yield case(normal(2, 3, 4, 20)[:, 1:, ::2, 3:], 16)
    yield case(normal(20), 6, normal(6, seed=3))
    yield case(normal(0, 5), 6)
    yield case(normal(1, 300), 1000)
    yield case(normal(70, 300).relu(), 520)
    yield case(torch.cat([torch.zeros(2, 40), normal(3, 40) * 1e-36, normal(3, 40) * 1e30]), 9)
    yield case(torch.cat([corners(9, 8), normal(2, 8)]), 5)
    extreme = torch.full((5, 2050), 1.0)
    extreme[1:, ::2] = -1
    weight = torch.full((11, 2050), -3.0)
    weight[::2, 1::2] = 3
    yield Case((extreme, *quantize_weight(weight, None), None), {**none, "columns": 11})


row(
    "quantized_linear",
    inputs=[
        tensor("input", F32, "rows"),
        tensor("weight", (torch.int8,)),
        tensor("scale", F32),
        tensor("sums", (torch.int32,)),
        tensor("bias", F32),
        tensor("residual", F32, optional=True),
    ],
    outputs=[tensor("output", F32)],
    attributes=[integer("columns"), *activation_attributes()],
    reference=_quantized_linear,
    flops=_flops,
    cases=_cases,
)


def _quantized_embedding(
    weight: torch.Tensor, scale: torch.Tensor, indices: torch.Tensor, rows: int, width: int
) -> torch.Tensor:
    whole = F.embedding(indices, _matrix(weight)[:rows, :width])
    return whole * F.embedding(indices, scale[:rows, None])


def _embedding_cases() -> Iterator[Case]:
    for rows, width in ((1, 1), (9, 3), (11, 4), (16, 17), (300, 384)):
        weight, scale, _, _ = quantize_weight(normal(rows, width), None)
        attributes = {"rows": rows, "width": width}
        for indices in (numbers(3, 5, below=rows).t(), numbers(below=rows).int()):
            yield Case((weight, scale, indices), attributes)
    yield Case((weight, scale, numbers(2, 0, below=300)), attributes)


row(
    "quantized_embedding",
    inputs=[
        tensor("weight", (torch.int8,)),
        tensor("scale", F32),
        tensor("indices", INDEX, "strided"),
    ],
    outputs=[tensor("output", F32)],
    attributes=[integer("rows"), integer("width")],
    reference=_quantized_embedding,
    cases=_embedding_cases,
)
