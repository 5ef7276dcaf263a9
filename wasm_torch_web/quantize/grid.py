"""A range of floats in, the bytes that stand for it out: x is scale * (byte - zero)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from wasm_torch_web.ops.integers import LEAST_RANGE, STEPS

LARGEST = torch.finfo(torch.float32).max


@dataclass(frozen=True)
class Grid:
    """`scale` is a float32 number, `zero` one of 0 to 127."""

    scale: float
    zero: int

    @staticmethod
    def fits(low: float, high: float) -> bool:
        """Whether the range, which holds 0, has a grid."""
        return math.isfinite(low) and math.isfinite(high) and LEAST_RANGE <= high - low < LARGEST

    @classmethod
    def over(cls, low: float, high: float) -> Grid:
        """127 steps from `low` to `high`, which fit."""
        scale = rounded((high - low) / STEPS)
        return cls(scale, min(max(round(-low / scale), 0), STEPS))


def rounded(number: float) -> float:
    """The nearest float32."""
    return float(torch.tensor(number, dtype=torch.float32))
