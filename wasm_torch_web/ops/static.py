"""Floats to bytes of 7 bits by a fixed scale, and back."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from wasm_torch_web.ops.integers import BYTES, STEPS
from wasm_torch_web.ops.samples import bytes_of_seven_bits, channels_last, corners, normal
from wasm_torch_web.ops.table import F32, Case, integer, real, row, tensor


def _quantize(x: torch.Tensor, inverse: float, zero: int) -> torch.Tensor:
    steps = x * inverse
    whole = (steps.round() + zero).clamp(0, STEPS)
    return torch.where(steps.isnan(), 0, whole).to(torch.uint8)


def _quantize_cases() -> Iterator[Case]:
    for shape in ((1,), (3,), (15,), (16,), (17,), (2, 3, 5, 7), (0, 4), (70000,), ()):
        yield Case((normal(*shape),), {"inverse": 40.0, "zero": 51})
    yield Case((channels_last(normal(2, 5, 4, 3)),), {"inverse": 30.5, "zero": 0})
    yield Case((corners(7, 9),), {"inverse": 30.5, "zero": 127})
    yield Case((torch.arange(-80, 200) / 2,), {"inverse": 1.0, "zero": 20})


def _dequantize(x: torch.Tensor, scale: float, zero: int) -> torch.Tensor:
    return (x.float() - zero) * scale


def _dequantize_cases() -> Iterator[Case]:
    scale = math.ldexp(3, -7)
    for shape in ((1,), (3,), (15,), (16,), (17,), (2, 3, 5, 7), (0, 4), (70000,), ()):
        yield Case((bytes_of_seven_bits(*shape),), {"scale": scale, "zero": 51})
    yield Case((channels_last(bytes_of_seven_bits(2, 5, 4, 3)),), {"scale": scale, "zero": 0})


# round(x * inverse) + zero, within 0 to 127; a NaN becomes 0.
row(
    "quantize",
    inputs=[tensor("input", F32, "dense_any")],
    outputs=[tensor("output", BYTES, "like")],
    attributes=[real("inverse"), integer("zero")],
    reference=_quantize,
    cases=_quantize_cases,
)
# (x - zero) * scale.
row(
    "dequantize",
    inputs=[tensor("input", BYTES, "dense_any")],
    outputs=[tensor("output", F32, "like")],
    attributes=[real("scale"), integer("zero")],
    reference=_dequantize,
    cases=_dequantize_cases,
)
