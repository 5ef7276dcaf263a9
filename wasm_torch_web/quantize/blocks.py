"""A matrix of weights in, the operands of `int4_linear` that are closest to it out."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import pad

from wasm_torch_web.ops.int4 import BLOCK, MOST, pack
from wasm_torch_web.ops.integers import by_panel, padded

# Shares of a block's range that are spread over the 16 numbers: what lies outside becomes the first
# or the last one, and the others are closer together.
SHARES = (1.0, 0.9, 0.8)
_ELEMENTS = 1 << 18  # that are searched at a time


def int4_weight(weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The operands weight, scale and zero of a (N, K) matrix: those with the least squared errors
    that a search finds."""
    whole = padded(pad(weight, (0, -weight.shape[1] % BLOCK)))
    blocks = whole.reshape(len(whole), whole.shape[1] // BLOCK, BLOCK)
    rows = max(_ELEMENTS // max(blocks[0].numel(), 1), 1)
    parts = [_search(part) for part in torch.split(blocks, rows)]
    q, scale, zero = (torch.cat(list(one)) for one in zip(*parts, strict=True))
    return pack(q), by_panel(scale), by_panel(zero)


def _search(w: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The best of some scales and zero points for each block of (N, B, 32)."""
    exponent = torch.frexp(w.abs().amax(-1)).exponent.clamp(-100, 127)
    w = torch.ldexp(w, -exponent[..., None])  # squares of small or large numbers are no numbers
    best_q = torch.zeros_like(w, dtype=torch.uint8)
    best_scale = torch.zeros(w.shape[:-1])
    best_zero = torch.zeros(w.shape[:-1], dtype=torch.uint8)
    least = torch.full(w.shape[:-1], torch.inf)
    for scale, zero in _candidates(w):
        q = _rounded(w, scale, zero)
        error = ((q - zero) * scale - w).square().sum(-1)
        better = error < least
        least = torch.where(better, error, least)
        best_q = torch.where(better[..., None], q.to(torch.uint8), best_q)
        best_scale = torch.where(better, scale[..., 0], best_scale)
        best_zero = torch.where(better, zero[..., 0].to(torch.uint8), best_zero)
    return best_q, torch.ldexp(best_scale, exponent).bfloat16(), best_zero


def _candidates(w: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Scales that bfloat16 holds, and zero points: of each share, the scale that fits the numbers
    best which the block becomes by it."""
    low, high = w.amin(-1, keepdim=True).clamp(max=0), w.amax(-1, keepdim=True).clamp(min=0)
    for share in SHARES:
        scale = _held((high - low) * (share / MOST))
        zero = (-low * share / _divisor(scale)).round().clamp(0, MOST)
        centred = _rounded(w, scale, zero) - zero
        norm = centred.square().sum(-1, keepdim=True).clamp(min=1)
        fit = (w * centred).sum(-1, keepdim=True) / norm
        yield _held(fit.clamp(min=0)), zero


def _rounded(w: Tensor, scale: Tensor, zero: Tensor) -> Tensor:
    return (w / _divisor(scale) + zero).round().clamp(0, MOST)


def _divisor(scale: Tensor) -> Tensor:
    return scale.clamp(min=torch.finfo(torch.float32).tiny)


def _held(scale: Tensor) -> Tensor:
    return scale.bfloat16().float()
