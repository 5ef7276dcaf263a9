"""PyTorch in, a function from named inputs to named outputs out: the truth of every comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from wasm_torch_web.signature import Signature
    from wasm_torch_web.sources import Source

Flat = Mapping[str, Tensor | float]
# Inputs of runs in a row, the first from the initial state -> the outputs of each.
Reference = Callable[[Sequence[Flat]], list[Flat]]


def flat_reference(signature: Signature, source: Source) -> Reference:
    """Eager PyTorch, called with names."""

    def named(result: Any) -> Flat:
        outputs: dict[str, Any] = signature.flatten_outputs(result)
        return {name: _plain(value) for name, value in outputs.items()}

    def reference(runs: Sequence[Flat]) -> list[Flat]:
        calls = [signature.unflatten(dict(run), source.args, source.kwargs) for run in runs]
        return [named(result) for result in source.consecutive(calls)]

    return reference


def _plain(value: Tensor | float) -> Tensor | float:
    """Without a gradient, and conjugated for real."""
    return value.detach().resolve_conj() if isinstance(value, Tensor) else value
