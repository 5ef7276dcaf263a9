"""Seed, dtype, shape and bounds in, a tensor out: the generator that JavaScript has too.

Counter-based (docs/format.md): element i depends on nothing but i and the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_SPAN = 2**32  # bounds of integers are at most this far apart


@dataclass(frozen=True)
class Random:
    """A tensor that need not be stored; low and high are both reached by integers."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    seed: int
    low: float
    high: float

    def tensor(self) -> Tensor:
        """The tensor: floats in [low, high), integers in [low, high], bools true half the time."""
        count = prod(self.shape) * (2 if self.dtype.is_complex else 1)
        hashes = _hashes(count, self.seed)
        if self.dtype == torch.bool:
            return torch.from_numpy((hashes & 1).astype(np.bool_)).reshape(self.shape)
        if self.dtype.is_floating_point or self.dtype.is_complex:
            return self._reals(hashes)
        span = np.uint64(int(self.high) - int(self.low) + 1)
        integers = int(self.low) + (hashes % span).astype(np.int64)
        return torch.from_numpy(integers).to(self.dtype).reshape(self.shape)

    def _reals(self, hashes: NDArray[np.uint64]) -> Tensor:
        fractions = (hashes >> np.uint64(8)).astype(np.float64) / 2**24
        values = (self.low + (self.high - self.low) * fractions).astype(np.float32)
        reals = torch.from_numpy(values)
        if self.dtype.is_complex:
            return torch.view_as_complex(reals.reshape(*self.shape, 2)).to(self.dtype)
        return reals.to(self.dtype).reshape(self.shape)


def bounds(example: Tensor, given: list[int] | None = None) -> tuple[float, float]:
    """The range to draw from: the one given, else one like the example.

    Integers lie between the example's smallest and largest; floats have its mean and standard
    deviation within those. Drawn from the extremes alone, they would be stronger than any real
    input, which blows up networks whose batch norms expect the example's statistics.
    """
    if given is not None:
        return given[0], given[1]
    if example.dtype == torch.bool:
        return 0, 1
    if example.dtype.is_floating_point or example.dtype.is_complex:
        return _real_bounds(example)
    if example.numel() == 0:
        return 0, 0
    low = int(example.min())
    return low, min(int(example.max()), low + _SPAN - 1)


def _real_bounds(example: Tensor) -> tuple[float, float]:
    reals = torch.view_as_real(example) if example.dtype.is_complex else example
    finite = reals[reals.isfinite()].to(torch.float32)
    if finite.numel() == 0:
        return -1.0, 1.0
    mean, reach = float(finite.mean()), 3**0.5 * float(finite.std(correction=0))
    low = max(float(finite.min()), mean - reach)
    high = min(float(finite.max()), mean + reach)
    # A constant example (zeros, ones) says nothing about the range.
    return (low, high) if low < high else (low, low + 1.0)


def _hashes(count: int, seed: int) -> NDArray[np.uint64]:
    """u32 hashes (in u64, so that products do not overflow) of the counters 0 ... count - 1."""
    mask = np.uint64(0xFFFFFFFF)
    x: NDArray[np.uint64] = (
        np.arange(count, dtype=np.uint64) * np.uint64(0x9E3779B9) + np.uint64(seed)
    ) & mask
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x21F0AAAD)) & mask
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(0x735A2D97)) & mask
    x ^= x >> np.uint64(15)
    return x
