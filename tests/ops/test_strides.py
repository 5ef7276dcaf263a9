"""Strides of views: the same places in memory as PyTorch's, in numbers and in symbols."""

from __future__ import annotations

import random
import sys

import pytest
import sympy
import torch

from wasm_torch_web.format.weights import raw
from wasm_torch_web.ops import ROWS
from wasm_torch_web.strides import clamp_index, contiguous_strides, divides, equal, view_strides

BATCH, TIME = sympy.symbols("batch time", positive=True, integer=True)
HEADS = (BATCH, 12, TIME, 64)
# (batch, time, heads, 64) in memory, seen as (batch, heads, time, 64)
HEADS_STRIDES = (TIME * 768, 64, 768, 1)


@pytest.mark.parametrize("row", [row for row in ROWS.values() if row.view], ids=lambda r: r.name)
def test_every_view_shows_what_pytorch_shows(row) -> None:
    for case in row.cases():
        (x,) = case.inputs
        attributes = {a.name: a.default for a in row.attributes} | case.attributes
        expected = row.reference(x, **attributes)
        place = row.view(tuple(x.shape), x.stride(), x.storage_offset(), **attributes)
        if place is None and row.name == "as_strided":  # of dense tensors only
            assert not x.is_contiguous()
            continue
        if place is None:
            with pytest.raises(RuntimeError, match="view size is not compatible"):
                x.view(attributes["size"])
            continue
        assert tuple(place[0]) == tuple(expected.shape)
        size, stride, offset = place
        shown = torch.empty(0, dtype=expected.dtype)
        shown.set_(x.untyped_storage(), offset, size, stride)
        assert raw(shown) == raw(expected)


def _factors(rng: random.Random) -> list[int]:
    sizes = [1] * rng.randint(1, 5)
    for prime in (2, 2, 2, 3, 3):
        sizes[rng.randrange(len(sizes))] *= prime
    return sizes


def test_reshape_is_a_view_exactly_where_pytorch_has_one() -> None:
    rng = random.Random(0)
    for _ in range(2000):
        base = torch.arange(72).reshape(_factors(rng))
        x = base.permute(rng.sample(range(base.dim()), base.dim()))
        size = tuple(_factors(rng))
        strides = view_strides(tuple(x.shape), x.stride(), size)
        try:
            expected = x.view(size)
        except RuntimeError:
            assert strides is None
            continue
        assert strides is not None
        assert torch.equal(torch.as_strided(x, size, strides), expected)


@pytest.mark.parametrize(
    ("shape", "size", "strides"),
    [
        ((BATCH, TIME, 768), (BATCH, TIME, 12, 64), (768 * TIME, 768, 64, 1)),
        ((BATCH, TIME, 12, 64), (BATCH * TIME, 768), (768, 1)),
        ((BATCH * TIME, 768), (BATCH, TIME, 768), (768 * TIME, 768, 1)),
        ((BATCH, 2 * TIME, 4), (BATCH, TIME, 8), (8 * TIME, 8, 1)),
        ((BATCH, TIME + 1, 4), (BATCH, 4 * TIME + 4), (4 * TIME + 4, 1)),
        ((BATCH, TIME), (TIME, BATCH), (BATCH, 1)),
    ],
)
def test_reshape_with_symbols(shape, size, strides) -> None:
    found = view_strides(shape, contiguous_strides(shape), size)
    assert found is not None
    assert all(equal(a, b) for a, b in zip(found, strides, strict=True))


def test_transposed_heads_cannot_be_merged_without_a_copy() -> None:
    assert view_strides(HEADS, HEADS_STRIDES, (BATCH, 12 * TIME, 64)) is None
    assert view_strides(HEADS, HEADS_STRIDES, (BATCH, 12, TIME, 8, 8)) is not None


def test_slice_bounds_clamp_as_in_python() -> None:
    for size in (0, 1, 5):
        for bound in (-9, -5, -1, 0, 1, 4, 5, 9, sys.maxsize):
            assert clamp_index(bound, size) == slice(bound, None).indices(size)[0]
    assert clamp_index(sys.maxsize, TIME) == TIME
    assert clamp_index(-1, TIME) == TIME - 1
    assert clamp_index(-BATCH, TIME).subs({BATCH: 3, TIME: 5}) == 2
    assert clamp_index(-BATCH, TIME).subs({BATCH: 7, TIME: 5}) == 0


def test_division_holds_for_all_sizes_or_not_at_all() -> None:
    assert divides(4, 8 * TIME)
    assert divides(TIME, BATCH * TIME)
    assert divides(TIME + 1, 64 * TIME + 64)
    assert not divides(TIME, BATCH)
    assert not divides(2, TIME)
    assert not divides(0, 4)
