"""The quantised outputs and those of the model as it was in, how far they are apart out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from wasm_torch_web.errors import WtwError
from wasm_torch_web.verify.reference import Flat, Reference


@dataclass(frozen=True)
class Drift:
    """Of one output, over some runs; None where there is no number to tell.

    Attributes:
        max_abs: the largest difference of an element; None where sizes, dtypes or places of what is
            not finite differ.
        relative: the norm of the difference relative to the norm of the output.
        same_top: the share of rows along the last axis whose largest element is the same one.
    """

    name: str
    max_abs: float | None = None
    relative: float | None = None
    same_top: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The manifest's entry."""
        numbers = {
            "maxAbsError": self.max_abs,
            "relError": self.relative,
            "sameTop": self.same_top,
        }
        known = {key: number for key, number in numbers.items() if number is not None}
        return {"name": self.name, **known}


def measure(
    eager: Reference,
    quantized: Reference,
    inputs: Sequence[Flat],
    drawn: frozenset[str],
    progress: Callable[[int], None] = lambda done: None,
) -> list[Drift]:
    """How far each output is moved over these runs, each from the initial state; what is `drawn`
    cannot be compared and is left out."""
    meter = Meter(drawn)
    for done, one in enumerate(inputs):
        progress(done)
        meter.add(eager([one])[0], quantized([one])[0])
    return meter.found()


def worst(found: Sequence[Drift]) -> float:
    """The largest `relative`; infinite where an output has none."""
    errors = [math.inf if one.relative is None else one.relative for one in found]
    return max(errors, default=0.0)


def check(found: Sequence[Drift], limit: float | None) -> None:
    """Raises WtwError quantize-drift for the first output that is moved by more than `limit`, or
    by what is no number."""
    for one in found if limit is not None else ():
        error = worst([one])
        if limit is not None and error > limit:
            raise WtwError("quantize-drift", output=one.name, error=f"{error:.1e}", limit=limit)


@dataclass
class _Sums:
    """Of one output, over the runs so far; `max_abs` is None from the first that differs in kind,
    `rows` where there are no rows of floats."""

    max_abs: float | None = 0.0
    moved: float = 0.0
    norm: float = 0.0
    rows: int | None = 0
    same: int = 0


@dataclass
class Meter:
    """Adds up runs one by one, so that no outputs need be kept."""

    drawn: frozenset[str] = frozenset()
    sums: dict[str, _Sums] = field(default_factory=dict)

    def add(self, eager: Flat, quantized: Flat) -> None:
        """The outputs of one run."""
        for name, value in eager.items():
            if name not in self.drawn:
                _add(self.sums.setdefault(name, _Sums()), _tensor(value), _tensor(quantized[name]))

    def found(self) -> list[Drift]:
        """One for each output."""
        return [_drift(name, sums) for name, sums in self.sums.items()]


def _add(sums: _Sums, a: Tensor, b: Tensor) -> None:
    if sums.max_abs is None or a.shape != b.shape or a.dtype != b.dtype:
        sums.max_abs = None
        return
    error = _difference(a, b)
    if not bool(error.isfinite().all()):
        sums.max_abs = None
        return
    sums.max_abs = max(sums.max_abs, float(error.abs().max()) if error.numel() else 0.0)
    sums.moved += float(error.square().sum())
    sums.norm += float(_reals(a).nan_to_num(0, 0, 0).square().sum())
    if not (a.is_floating_point() and a.dim() and a.shape[-1] > 1):
        sums.rows = None
    elif sums.rows is not None and a.numel():
        same = a.argmax(-1) == b.argmax(-1)
        sums.rows, sums.same = sums.rows + same.numel(), sums.same + int(same.sum())


def _drift(name: str, sums: _Sums) -> Drift:
    if sums.max_abs is None:
        return Drift(name)
    ratio = math.sqrt(sums.moved / sums.norm) if sums.norm > 0 else None
    same_top = sums.same / sums.rows if sums.rows else None
    return Drift(name, sums.max_abs, 0.0 if sums.moved == 0 else ratio, same_top)


def _difference(a: Tensor, b: Tensor) -> Tensor:
    x, y = _reals(a), _reals(b)
    same = (x == y) | (x.isnan() & y.isnan())
    return torch.where(same, 0.0, x - y)


def _tensor(value: Tensor | float) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)


def _reals(value: Tensor) -> Tensor:
    """As float64; a complex number counts as two."""
    return (torch.view_as_real(value.resolve_conj()) if value.is_complex() else value).double()
