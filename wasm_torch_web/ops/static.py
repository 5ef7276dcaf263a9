"""Floats to bytes by a fixed scale, and back: those of 7 bits."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from wasm_torch_web.ops.integers import BYTES, STEPS
from wasm_torch_web.ops.samples import bytes_of_seven_bits, channels_last, corners, normal
from wasm_torch_web.ops.table import F32, Case, dtype, integer, real, row, tensor


def _quantize(
    x: torch.Tensor,
    inverse: float,
    zero: int,
    dtype: torch.dtype,
    low: int = 0,
    high: int = STEPS,
) -> torch.Tensor:
    steps = x * inverse
    whole = (steps.round() + zero).clamp(low, high)
    return torch.where(steps.isnan(), low, whole).to(dtype)


def _quantize_cases() -> Iterator[Case]:
    unsigned = {"dtype": torch.uint8}
    x = torch.arange(-300, 300) / 2
    signed = {"low": -128, "high": 127, "dtype": torch.int8}
    yield Case((x,), {"inverse": 1.0, "zero": -20, **signed})
    yield Case((normal(70003),), {"inverse": 40.0, "zero": 3, **signed, "low": -127})
    yield Case((x,), {"inverse": 2.0, "zero": 120, "high": 255, **unsigned})
    for shape in ((1,), (3,), (15,), (16,), (17,), (2, 3, 5, 7), (0, 4), (70000,), ()):
        yield Case((normal(*shape),), {"inverse": 40.0, "zero": 51, **unsigned})
    yield Case((channels_last(normal(2, 5, 4, 3)),), {"inverse": 30.5, "zero": 0, **unsigned})
    yield Case((corners(7, 9),), {"inverse": 30.5, "zero": 127, **unsigned})
    yield Case((torch.arange(-80, 200) / 2,), {"inverse": 1.0, "zero": 20, **unsigned})


def _dequantize(x: torch.Tensor, scale: float, zero: int) -> torch.Tensor:
    return (x.float() - zero) * scale


def _dequantize_cases() -> Iterator[Case]:
    scale = math.ldexp(3, -7)
    for shape in ((1,), (3,), (15,), (16,), (17,), (2, 3, 5, 7), (0, 4), (70000,), ()):
        yield Case((bytes_of_seven_bits(*shape),), {"scale": scale, "zero": 51})
    yield Case((channels_last(bytes_of_seven_bits(2, 5, 4, 3)),), {"scale": scale, "zero": 0})


# round(x * inverse) + zero, from `low` to `high`; a NaN becomes the least.
row(
    "quantize",
    inputs=[tensor("input", F32, "dense_any")],
    outputs=[tensor("output", (torch.int8, *BYTES), "like")],
    attributes=[
        real("inverse"),
        integer("zero"),
        integer("low", 0),
        integer("high", STEPS),
        dtype("dtype"),
    ],
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
