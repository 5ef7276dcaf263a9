"""Writes by index and mask, order statistics and runs of rows: captured, lowered, and the graph
evaluated row by row equals eager PyTorch, at other sizes than the example's too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from support.lowered import AXES, Function, check
from torch import Tensor

NAN = float("nan")


def with_nan(x: Tensor) -> Tensor:
    return torch.where(x > 1, NAN, x)


def masked(x: Tensor) -> tuple[Tensor, ...]:
    mask, row = x > 0, x[:, 0, 0] > 0
    return (
        x.masked_scatter(mask, x.flip(1)),
        x.masked_scatter(row[:, None, None], x.mT.contiguous()),
        x.index_put((mask,), x[0, 0, :1]),
        x.index_put((row,), x[0], accumulate=True),
        x.index_put((row,), x[:1]),
    )


DYNAMIC: dict[str, Callable[[Tensor], Any]] = {
    "median": lambda x: (x.median(), x.median(1), x.median(0, True), with_nan(x).median(1)),
    "nanmedian": lambda x: (with_nan(x).nanmedian(), with_nan(x).nanmedian(1), x.nanmedian(-1)),
    "kthvalue": lambda x: (x.kthvalue(2, 1), x.kthvalue(2, 0, True)),
    "mode": lambda x: (x.round().mode(1), x.round().mode(0, True), with_nan(x).mode(1)),
    "masked": masked,
    "diagonal_scatter": lambda x: x.diagonal_scatter(x.diagonal(0, 0, 2) * 2, 0, 0, 2),
    "copies": lambda x: (
        torch.permute_copy(x, (1, 2, 0)),
        torch.narrow_copy(x, 1, -2, 2),
        torch.select_copy(x, 1, 1),
        torch.slice_copy(x, 1, 1, 3),
        torch.view_copy(x, (x.shape[0], -1)),
        torch.unbind_copy(x, 2),
    ),
    "segment_reduce": lambda x: torch.segment_reduce(
        x, "mean", offsets=torch.tensor([0, 1, 1, 2]), axis=0
    ),
}


@pytest.mark.parametrize("name", DYNAMIC)
def test_with_two_dynamic_axes(name: str) -> None:
    torch.manual_seed(0)
    others = (torch.randn(7, 9, 2), torch.randn(2, 3, 2))
    check(Function(DYNAMIC[name]), (torch.randn(4, 6, 2),), AXES, others)


SQUARE = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
ROWS = torch.tensor([2, 0, 1])
ONE = torch.tensor(1.5)


def writes(x: Tensor, i: Tensor, s: Tensor) -> tuple[Tensor, ...]:
    return (
        x.put(i, s[0, :3]),
        x.put(i, s[0, :3], accumulate=True),
        x.index_reduce(0, i, s, "mean"),
        x.index_reduce(1, i, s.mT, "amax", include_self=False),
        x.index_add(1, i[0], x[:, 1:2]),
        x.index_fill(1, i[0], 2.0),
        x.index_put((x[0] > 0,), s[:1]),
        (x > 0).index_put((i,), s > 0, accumulate=True),
        (x > 0).scatter_reduce(0, i[:, None], s > 0, "sum"),
    )


def of_one_number(x: Tensor) -> tuple[Any, ...]:
    zero = torch.tensor([0])
    return (
        x.median(),
        x.median(0),
        x.mode(0),
        x.kthvalue(1),
        x.index_select(0, zero),
        x.index_add(0, zero, x),
        x.index_copy(0, zero, x),
        x.index_fill(0, zero, 2.0),
        x.index_reduce(0, zero, x, "prod"),
        x.gather(0, zero),
        x.scatter(0, zero, 3.0),
    )


def bags(weight: Tensor, i: Tensor, scale: Tensor) -> list[Tensor]:
    offsets = torch.tensor([0, 2, 2, 6])  # the last one may be the end
    found = [
        F.embedding_bag(i, weight, offsets, mode=mode, padding_idx=skip, include_last_offset=ends)
        for mode in ("sum", "mean", "max")
        for skip in (None, 1)
        for ends in (True, False)
    ]
    scaled = F.embedding_bag(i, weight, offsets, mode="sum", per_sample_weights=scale)
    return [*found, scaled, F.embedding_bag(i.reshape(2, 3), weight)]


def segments(x: Tensor) -> list[Tensor]:
    offsets, lengths = torch.tensor([0, 0, 3, 4]), torch.tensor([[1, 3], [4, 0], [2, 2], [0, 4]])
    found = []
    for reduce in ("sum", "mean", "max", "min", "prod"):
        for initial in (None, 1.0):
            found.append(torch.segment_reduce(x, reduce, offsets=offsets, initial=initial))
            found.append(torch.segment_reduce(x, reduce, lengths=lengths, axis=1, initial=initial))
    return found


STATIC: dict[str, tuple[Callable[..., Any], tuple[Tensor, ...]]] = {
    "writes": (writes, (SQUARE, ROWS, torch.rand(3, 4))),
    "one number": (of_one_number, (ONE,)),
    "embedding_bag": (bags, (SQUARE, torch.tensor([0, 1, 3, 1, 2, 2]), torch.rand(6))),
    "embedding_renorm": (
        lambda w, i: F.embedding(i, w.clone(), max_norm=1.0, norm_type=1.5),
        (SQUARE, ROWS.repeat(2)),
    ),
    "segment_reduce": (segments, (SQUARE,)),
    "as_strided": (
        lambda x: (
            x.as_strided((2, 3), (5, 1), 2),
            torch.as_strided_copy(x, (3,), (0,)),
            x.as_strided_scatter(x[:2, :3] * 2, (2, 3), (4, 1), 3),
        ),
        (SQUARE,),
    ),
    "searchsorted": (
        lambda x: (torch.searchsorted(x[0].sort().values, 0.5), x.half().renorm(2.0, 0, 1.0)),
        (SQUARE,),
    ),
    "empty index": (
        lambda x: (x[0].gather(0, torch.zeros(2, 0).long()), x.scatter(0, ROWS[:0, None], 1.0)),
        (SQUARE,),
    ),
}


@pytest.mark.parametrize("name", STATIC)
def test_with_fixed_sizes(name: str) -> None:
    function, args = STATIC[name]
    check(Function(function), args)
