"""PyTorch in, a function from named inputs to named outputs out: the truth of every comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from wasm_torch_web.signature import Signature
    from wasm_torch_web.sources import Source

Flat = Mapping[str, Tensor | float]
Reference = Callable[[Flat], Flat]


def flat_reference(signature: Signature, source: Source) -> Reference:
    """Eager PyTorch called with names: on copies of the inputs, from the initial state."""

    def reference(inputs: Flat) -> Flat:
        args, kwargs = signature.unflatten(dict(inputs), source.args, source.kwargs)
        named: dict[str, Any] = signature.flatten_outputs(source.reference(args, kwargs))
        return {name: _detach(value) for name, value in named.items()}

    return reference


def _detach(value: Tensor | float) -> Tensor | float:
    return value.detach().resolve_conj().clone() if isinstance(value, Tensor) else value
