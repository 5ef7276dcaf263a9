"""Recognises activations that a model writes out, such as `x * sigmoid(x)`.

No list of spellings: what depends on one value alone is evaluated at many points, and is an
activation if it gives the same numbers.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

import torch

from wasm_torch_web.ir import Node, Value
from wasm_torch_web.ops import ROWS
from wasm_torch_web.passes.fuse.pattern import Reads, is_pointwise, number, pattern

# Rows of one operand without parameters; the first that fits is taken.
NAMES = (
    "relu",
    "relu6",
    "hardsigmoid",
    "hardswish",
    "sigmoid",
    "silu",
    "gelu",
    "gelu_tanh",
    "mish",
)
MAX_NODES = 12
# Written with float32 constants, a function moves by a relative 1e-8, its tails (at x, by x^2 as
# much) by less than 1e-5. What cancels there leaves some 1e-15. `clamp(x, min=1e-12)` is no ReLU:
# a model divides by it.
RELATIVE, ABSOLUTE = 1e-5, 1e-14
NEAR = 1201  # points around 0

Known = dict[Value, torch.Tensor]


@pattern
def recognise_activation(node: Node, reads: Reads) -> Node | None:
    """Replaces the nodes of a written-out activation by its row."""
    if not is_pointwise(node) or node.row.name in NAMES:
        return None
    for x in _arguments(node):
        values = _evaluate(node.output, {x: _points()}, MAX_NODES)
        names = [] if values is None else [n for n, y in _activations().items() if _same(y, values)]
        if names:
            float32 = torch.float32
            return reads.become(node, names[0], [x], compute=float32, dtype=float32)
    return None


def _arguments(node: Node) -> list[Value]:
    """What the node could be a function of: values before it, the nearest ones first."""
    found: dict[Value, None] = {}
    todo = [node]
    while todo and len(found) < MAX_NODES:
        for value in todo.pop(0).inputs:
            if value is None or value in found or value.is_constant:
                continue
            if value.dtype == torch.float32 and value.shape == node.output.shape:
                found[value] = None
            if value.producer is not None and is_pointwise(value.producer):
                todo.append(value.producer)
    return list(found)


def _evaluate(value: Value, known: Known, limit: int) -> torch.Tensor | None:
    """The value, in float64, if it depends on what is known alone."""
    if value in known:
        return known[value]
    constant, node = number(value), value.producer
    if constant is not None:
        return torch.tensor(constant, dtype=torch.float64)
    if node is None or not is_pointwise(node) or len(known) > limit:
        return None
    inputs = []
    for operand in node.inputs:
        result = None if operand is None else _evaluate(operand, known, limit)
        if result is None:
            return None
        inputs.append(result)
    known[value] = _in_float64(node.row.name, inputs, node.attributes)
    return known[value]


def _in_float64(
    row: str, inputs: list[torch.Tensor], attributes: Mapping[str, object]
) -> torch.Tensor:
    double = {"compute": torch.float64, "dtype": torch.float64}
    result: torch.Tensor = ROWS[row].reference(*inputs, **{**attributes, **double})
    return result


@functools.cache
def _points() -> torch.Tensor:
    """Where functions are compared: densely around 0, far out, at 0 and NaN."""
    near = torch.linspace(-12, 12, NEAR, dtype=torch.float64)
    far = torch.logspace(1, 12, 40, dtype=torch.float64)
    return torch.cat((near, far, -far, torch.tensor([0.0, math.nan])))


@functools.cache
def _activations() -> dict[str, torch.Tensor]:
    return {name: _in_float64(name, [_points()], {}) for name in NAMES}


def _same(activation: torch.Tensor, values: torch.Tensor) -> bool:
    """Close; and at 0 and far out, where nothing cancels, zero if the activation is."""
    return (
        activation.shape == values.shape
        and torch.allclose(activation, values, RELATIVE, ABSOLUTE, equal_nan=True)
        and not values[NEAR:][activation[NEAR:] == 0].any()
    )
