"""The quantised outputs and those of the model as it was in, how far they are apart out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wasm_torch_web.errors import WtwError
from wasm_torch_web.verify.reference import Flat, Reference


@dataclass(frozen=True)
class Drift:
    """Of one output, the worst of some runs; None where there is no number to tell.

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
    eager: Reference, quantized: Reference, inputs: Sequence[Flat], drawn: frozenset[str]
) -> list[Drift]:
    """How far each output is moved over these runs, each from the initial state; what is `drawn`
    cannot be compared and is left out."""
    pairs = [(eager([one])[0], quantized([one])[0]) for one in inputs]
    names = [name for name in pairs[0][0] if name not in drawn]
    return [_drift(name, [(a[name], b[name]) for a, b in pairs]) for name in names]


def check(found: Sequence[Drift], limit: float | None) -> None:
    """Raises WtwError quantize-drift for the first output that is moved by more than `limit`, or
    by what is no number."""
    for one in found if limit is not None else ():
        error = math.inf if one.relative is None else one.relative
        if limit is not None and error > limit:
            raise WtwError("quantize-drift", output=one.name, error=f"{error:.1e}", limit=limit)


def _drift(name: str, pairs: Sequence[tuple[Tensor | float, Tensor | float]]) -> Drift:
    tensors = [(_tensor(a), _tensor(b)) for a, b in pairs]
    if any(a.shape != b.shape or a.dtype != b.dtype for a, b in tensors):
        return Drift(name)
    errors = [_difference(a, b) for a, b in tensors]
    if not all(bool(error.isfinite().all()) for error in errors):
        return Drift(name)
    largest = max(float(error.abs().max()) if error.numel() else 0.0 for error in errors)
    moved = torch.cat([error.reshape(-1) for error in errors]).norm()
    norm = torch.cat([_reals(a).nan_to_num(0, 0, 0).reshape(-1) for a, _ in tensors]).norm()
    relative = 0.0 if moved == 0 else float(moved / norm) if norm > 0 else None
    return Drift(name, largest, relative, _same_top(tensors))


def _same_top(tensors: Sequence[tuple[Tensor, Tensor]]) -> float | None:
    """None where there are no rows of floats."""
    if not all(a.is_floating_point() and a.dim() and a.shape[-1] > 1 for a, _ in tensors):
        return None
    same = [(a.argmax(-1) == b.argmax(-1)).reshape(-1) for a, b in tensors if a.numel()]
    return float(torch.cat(same).double().mean()) if same else None


def _difference(a: Tensor, b: Tensor) -> Tensor:
    x, y = _reals(a), _reals(b)
    same = (x == y) | (x.isnan() & y.isnan())
    return torch.where(same, 0.0, x - y)


def _tensor(value: Tensor | float) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)


def _reals(value: Tensor) -> Tensor:
    """As float64; a complex number counts as two."""
    return (torch.view_as_real(value.resolve_conj()) if value.is_complex() else value).double()
