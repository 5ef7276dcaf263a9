"""PyTorch's value and the browser's in, what a person needs to see of how they differ out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from rich.table import Table
from torch import Tensor

from wasm_torch_web.console import columns
from wasm_torch_web.ops.table import dtype_name
from wasm_torch_web.verify.compare import tolerance_of

WORST = 5  # elements that are shown


@dataclass(frozen=True)
class Statistics:
    """Of the finite elements; None where there are none. Booleans count as 0 and 1."""

    min: float | None
    max: float | None
    mean: float | None
    nans: int
    infinities: int

    @staticmethod
    def of(value: Tensor) -> Statistics:
        """Those of a real or complex tensor; a complex number counts as two."""
        reals = _reals(value)
        finite = reals[reals.isfinite()]
        return Statistics(
            min=float(finite.min()) if finite.numel() else None,
            max=float(finite.max()) if finite.numel() else None,
            mean=float(finite.mean()) if finite.numel() else None,
            nans=int(reals.isnan().sum()),
            infinities=int(reals.isinf().sum()),
        )


@dataclass(frozen=True)
class Element:
    """One element of both."""

    index: tuple[int, ...]
    expected: float
    given: float


@dataclass(frozen=True)
class Difference:
    """How two tensors of the same shape and dtype differ.

    Attributes:
        differing: how many elements are further apart than the tolerance.
        worst: some of these, the worst first; complex numbers have a trailing axis.
    """

    shape: tuple[int, ...]
    dtype: str
    expected: Statistics
    given: Statistics
    differing: int
    worst: tuple[Element, ...]

    @staticmethod
    def of(expected: Tensor, given: Tensor) -> Difference:
        """Of two tensors of the same shape and dtype."""
        a, b = _reals(expected), _reals(given)
        same = (a == b) | (a.isnan() & b.isnan())
        error = torch.where(same, 0.0, (a - b).abs().nan_to_num(torch.inf, torch.inf))
        scale = max(1.0, float(a[a.isfinite()].abs().max())) if a.isfinite().any() else 1.0
        differs = error > tolerance_of(expected.dtype) * scale
        order = error.flatten().argsort(descending=True)[: min(WORST, int(differs.sum()))]
        elements = (
            Element(_unravel(int(i), a.shape), float(a.flatten()[i]), float(b.flatten()[i]))
            for i in order
        )
        return Difference(
            tuple(expected.shape),
            dtype_name(expected.dtype),
            Statistics.of(expected),
            Statistics.of(given),
            int(differs.sum()),
            tuple(elements),
        )

    def tables(self) -> list[Table]:
        """The statistics side by side, and the worst elements."""
        statistics = columns(f"{self.dtype}{list(self.shape)}", "", "PyTorch>", "browser>")
        for name, value in asdict(self.expected).items():
            statistics.add_row(name, _text(value), _text(getattr(self.given, name)))
        title = f"{self.differing} elements differ; the worst"
        elements = columns(title, "index", "PyTorch>", "browser>")
        for one in self.worst:
            elements.add_row(str(list(one.index)), _text(one.expected), _text(one.given))
        return [statistics, elements]

    def to_json(self) -> dict[str, Any]:
        """For `--json`; numbers that JSON lacks are strings."""
        described: dict[str, Any] = _finite(asdict(self))
        return described


def _reals(value: Tensor) -> Tensor:
    return (torch.view_as_real(value.resolve_conj()) if value.dtype.is_complex else value).double()


def _unravel(index: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    place = []
    for size in reversed(shape):
        index, position = divmod(index, size)
        place.append(position)
    return tuple(reversed(place))


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"


def _finite(item: Any) -> Any:
    if isinstance(item, dict):
        return {name: _finite(one) for name, one in item.items()}
    if isinstance(item, (list, tuple)):
        return [_finite(one) for one in item]
    if isinstance(item, float) and item - item != 0:
        return str(item)
    return item
