"""A simplified graph and what was asked for in, the same graph with fewer bits for weights out."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase

from wasm_torch_web.errors import UserError
from wasm_torch_web.ir import Graph
from wasm_torch_web.quantize.dynamic import quantize_linear
from wasm_torch_web.quantize.rounding import Weight, round_weights
from wasm_torch_web.quantize.spec import Spec

_WAYS: dict[str, Callable[[Graph, Spec], list[Weight]]] = {
    "fp16": round_weights,
    "dynamic": quantize_linear,
}


def quantize(graph: Graph, spec: Spec) -> list[Weight]:
    """Gives the weights that could have fewer bits, and what became of each.

    Raises UserError quantize-skip for a pattern that names none of them.
    """
    weights = _WAYS[spec.kind](graph, spec)
    for pattern in spec.skip:
        if not any(fnmatchcase(weight.name, pattern) for weight in weights):
            raise UserError("quantize-skip", pattern=pattern)
    return weights
