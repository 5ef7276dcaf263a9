"""Calls that a sweep found wrong once: captured, compiled and on the wasm, they are PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from support.cases import TOLERANCE
from torch import Tensor
from torch.nn.modules.linear_cross_entropy_options import LinearCrossEntropyOptions

from sweep.programs import faults
from sweep.samples import Sample
from sweep.ties import by_element


def _numbers(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(3))


def _item(x: Tensor) -> Any:
    return x.item()


def _split(x: Tensor, at: Tensor) -> Any:
    return torch.tensor_split(x, at, 1)


def _chunked(reduction: str, **classes: Any) -> tuple[Any, ...]:
    options = LinearCrossEntropyOptions(batch_chunk_size=2)
    target = torch.tensor([0, 3, 1, 3, 2])
    given = {"reduction": reduction, "options": options, **classes}
    return F.linear_cross_entropy, _numbers(5, 4), _numbers(6, 4), target, given


Q = _numbers(3, 4, 5)
WHOLE = {"dtype": torch.int64}
TIED = torch.arange(600).remainder(7)
CALLS: dict[str, tuple[Any, ...]] = {
    "bool of the data": (_item, torch.tensor([True])),
    "float of the data": (_item, torch.tensor(2.5)),
    "mask larger than what it masks": (torch.masked_select, _numbers(4), _numbers(3, 4) > 0),
    "mask larger along an axis": (torch.masked_select, _numbers(4, 1, 3), _numbers(5, 3) > 0),
    "whole numbers between fractions": (torch.linspace, 4.3, -3, 50, WHOLE),
    "whole numbers from a tensor": (torch.linspace, torch.tensor(4.3), 50, 50, WHOLE),
    "whole numbers, the odd one": (torch.linspace, 0, 7, 50, WHOLE),
    "one number": (torch.linspace, 2.5, 7, 1),
    "split where the data says": (_split, _numbers(2, 7), torch.tensor([2, -3, 9])),
    "counts without places": (torch.unique, Q.round(), {"return_counts": True}),
    "distinct lines along the last axis": (torch.unique, Q.round(), {"dim": -1}),
    "neighbours along the last axis": (torch.unique_consecutive, Q.round(), {"dim": -1}),
    "lines not counted": (torch.unique_consecutive, Q.round(), {"dim": 0}),
    "cut and circular": (F.pad, _numbers(1, 3, 4, 4), (-1, 1, -2, 1), "circular"),
    "relu6 of whole numbers": (F.relu6, torch.arange(-3, 11)),
    "chunks, their mean": _chunked("mean", weight=_numbers(6).abs(), ignore_index=3),
    "chunks, their sum": _chunked("sum", linear_bias=_numbers(6)),
    "chunks, each": _chunked("none", ignore_index=3),
}


def _sample(call: tuple[Any, ...]) -> Sample:
    op, *args = call
    kwargs = args.pop() if isinstance(args[-1], dict) else {}
    return Sample.of(op, (tuple(args), kwargs))


def _wrong(samples: list[Sample]) -> dict[int, str]:
    return faults([("", TOLERANCE, list(enumerate(samples)))])


def test_they_are_right() -> None:
    wrong = _wrong([_sample(call) for call in CALLS.values()])
    assert {list(CALLS)[index]: text for index, text in wrong.items()} == {}


def test_places_among_equals_are_open_and_elements_are_not() -> None:
    names: dict[str, Callable[..., Any]] = {"argsort": torch.argsort, "sort": torch.sort}
    samples = [by_element(name, _sample((op, TIED))) for name, op in names.items()]
    assert _wrong(samples) == {}
    x, once = samples[0].call([TIED])
    assert x.tolist() == sorted(TIED.tolist()) and once


def test_half_precision_that_is_further_from_the_truth_is_a_fault() -> None:
    def third(x: Tensor) -> Tensor:  # captured, it is 2; eager and in float64, x
        return x * 2 if torch.compiler.is_exporting() else x

    assert list(_wrong([_sample((third, _numbers(4).half()))])) == [0]
