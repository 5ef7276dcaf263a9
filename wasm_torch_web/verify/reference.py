"""PyTorch in, a function from named inputs to named outputs out: the truth of every comparison."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

if TYPE_CHECKING:
    from wasm_torch_web.signature import Signature
    from wasm_torch_web.sources import Source

Flat = Mapping[str, Tensor | float]
# Inputs of runs in a row, the first from the initial state -> the outputs of each.
Reference = Callable[[Sequence[Flat]], list[Flat]]


@dataclass(frozen=True)
class Truth:
    """What a reference is itself only near to: an output that differs is as good if it is as near.

    Attributes:
        outputs: of runs in a row; None where they cannot be had.
        name: what those are, in words.
        times: as many of the reference's own errors against them are near enough.
    """

    outputs: Callable[[Sequence[Flat]], list[Flat] | None]
    name: str
    times: float = 1.0


@dataclass(frozen=True)
class Eager:
    """A Reference: eager PyTorch, called with names."""

    signature: Signature
    source: Source

    def __call__(self, runs: Sequence[Flat]) -> list[Flat]:
        """Raises UserError model-failed."""
        calls = [self._call(run) for run in runs]
        return [self._named(result) for result in self.source.consecutive(calls)]

    @property
    def truth(self) -> Truth:
        """The same in float64."""
        return Truth(self.in_float64, "float64")

    def in_float64(self, runs: Sequence[Flat]) -> list[Flat] | None:
        """The same runs of a copy of the module in float64; None where it cannot run so."""
        try:
            module = copy.deepcopy(self.source.eager).double()
            source = replace(self.source, kind="module", module=module, program=None)
            calls = [pytree.tree_map(_double, self._call(run)) for run in runs]
            return [self._named(result) for result in source.consecutive(calls)]
        except Exception:  # whatever a module that was written for float32 may raise
            return None

    def _call(self, run: Flat) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return self.signature.unflatten(dict(run), self.source.args, self.source.kwargs)

    def _named(self, result: Any) -> Flat:
        outputs: dict[str, Any] = self.signature.flatten_outputs(result)
        return {name: _plain(value) for name, value in outputs.items()}


def _plain(value: Tensor | float) -> Tensor | float:
    """Without a gradient, and conjugated for real."""
    return value.detach().resolve_conj() if isinstance(value, Tensor) else value


def _double(leaf: Any) -> Any:
    floating = isinstance(leaf, Tensor) and leaf.dtype.is_floating_point
    return leaf.to(torch.float64) if floating else leaf
