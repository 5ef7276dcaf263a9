"""Tensors for the cases of rows: shape, dtype and seed in, the same values on every machine out."""

from __future__ import annotations

import math

import torch


def normal(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    """Standard normal values, rounded to `dtype`; integers get 4 times as wide a spread."""
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    if dtype == torch.bool:
        return values > 0
    if dtype.is_complex:
        return torch.complex(values, values.flip(-1) if shape else -values).to(dtype)
    return values.to(dtype) if dtype.is_floating_point else (values * 4).abs().to(dtype)


def corners(
    *shape: int, dtype: torch.dtype = torch.float32, seed: int = 0, largest: float = 3.4e38
) -> torch.Tensor:
    """Normal values with NaN, infinities, zeros of both signs and extremes sprinkled in."""
    tensor = normal(*shape, dtype=dtype, seed=seed)
    flat = tensor.view(-1)
    values = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1e-40, -largest / 3, largest)
    for i, value in enumerate(values):
        if flat.numel() > 5 * i + 2:
            flat[5 * i + 2] = value
    return tensor


def channels_last(tensor: torch.Tensor) -> torch.Tensor:
    """The same values with the channels innermost in memory."""
    return tensor.contiguous(memory_format=torch.channels_last)


def numbers(*shape: int, below: int, negative: bool = False, seed: int = 0) -> torch.Tensor:
    """Indices of an axis of size `below`; with `negative`, some count from the end."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-below if negative else 0, below, shape, generator=generator)


def bytes_of_seven_bits(*shape: int, seed: int = 0) -> torch.Tensor:
    """uint8 from 0 to 127."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 128, shape, generator=generator, dtype=torch.uint8)
