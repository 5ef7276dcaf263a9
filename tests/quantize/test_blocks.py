"""Weights as blocks of 32 with a scale and a zero point: how close they are to what they were."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wasm_torch_web.ops.int4 import BLOCK, matrix, pack, unpack
from wasm_torch_web.quantize.blocks import int4_weight


def rounded(weight: Tensor) -> Tensor:
    return matrix(*int4_weight(weight), *weight.shape)


def nearest(weight: Tensor) -> Tensor:
    """Symmetric, without a search: what one would do first."""
    blocks = weight.unflatten(1, (-1, BLOCK))
    scale = blocks.abs().amax(-1, keepdim=True) / 7
    return ((blocks / scale).round() * scale).flatten(1)


def test_packing_is_undone() -> None:
    blocks = torch.randint(0, 16, (24, 5, BLOCK), generator=torch.Generator().manual_seed(0))
    packed = pack(blocks)
    assert packed.shape == (3, 5, 128) and packed.dtype == torch.uint8
    assert torch.equal(unpack(packed).long(), blocks)


@pytest.mark.parametrize("power", [1, 3])
def test_a_search_is_closer_than_the_nearest(power: int) -> None:
    weight = torch.randn(64, 256, generator=torch.Generator().manual_seed(0)) ** power
    error, plain = ((f(weight) - weight).norm() for f in (rounded, nearest))
    assert error < 0.85 * plain


def test_blocks_of_one_sign_use_all_numbers() -> None:
    weight = torch.rand(16, 64, generator=torch.Generator().manual_seed(0))
    for one in (weight, -weight):
        assert (rounded(one) - one).norm() / one.norm() < 0.04


def test_zeros_tails_and_extremes() -> None:
    weight = torch.zeros(9, 70)
    weight[1, 40:] = 3.0
    weight[2] = torch.linspace(-1e30, 1e30, 70)
    weight[3] = torch.linspace(-1e-30, 1e-30, 70)
    weight[4, 5] = -7.0
    given = rounded(weight)
    assert given.shape == weight.shape and not given[0].any() and not given[5:].any()
    assert torch.allclose(given[[1, 4]], weight[[1, 4]], rtol=1 / 128)
    scale = weight[2:4].abs().amax(1, keepdim=True)
    assert ((given[2:4] - weight[2:4]) / scale).abs().max() < 0.08


def test_scales_are_what_bfloat16_holds_and_nothing_is_infinite() -> None:
    _, scale, zero = int4_weight(torch.randn(8, 32) * 1e38)
    assert scale.dtype == torch.bfloat16 and bool(scale.isfinite().all())
    assert int(zero.max()) <= 15
