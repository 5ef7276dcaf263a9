"""What matrix products and convolutions may do to a result before they store it.

They add a residual, then apply an activation. Their rows have an optional operand `residual` (or
none) and the attributes of `activation_attributes`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.table import Attribute, enum, real

# The names are those of pointwise rows, whose parameters, in order, are `low` and `high`.
ACTIVATIONS: dict[str, Callable[[torch.Tensor, float, float], torch.Tensor]] = {
    "none": lambda x, low, high: x,
    "relu": lambda x, low, high: F.relu(x),
    "relu6": lambda x, low, high: F.relu6(x),
    "hardswish": lambda x, low, high: F.hardswish(x),
    "hardsigmoid": lambda x, low, high: F.hardsigmoid(x),
    "sigmoid": lambda x, low, high: torch.sigmoid(x),
    "silu": lambda x, low, high: F.silu(x),
    "gelu": lambda x, low, high: F.gelu(x),
    "gelu_tanh": lambda x, low, high: F.gelu(x, approximate="tanh"),
    "tanh": lambda x, low, high: torch.tanh(x),
    "clamp": lambda x, low, high: torch.clamp(x, low, high),
    "leaky_relu": lambda x, low, high: F.leaky_relu(x, low),
}


def activation_attributes() -> tuple[Attribute, ...]:
    """The attributes of a row with a fused activation."""
    return (
        enum("activation", *ACTIVATIONS, default="none"),
        real("low", -math.inf),
        real("high", math.inf),
    )


def finish(
    x: torch.Tensor, residual: torch.Tensor | None, activation: str, low: float, high: float
) -> torch.Tensor:
    """x + residual, activated: what fused rows do to their result."""
    return ACTIVATIONS[activation](x if residual is None else x + residual, low, high)


def activation_cases() -> Iterator[dict[str, Any]]:
    """Attributes for one case of each activation, and of each kind of clamp."""
    bounds = {"clamp": (-0.25, 0.75), "leaky_relu": (0.1, 0.0)}
    for name in ACTIVATIONS:
        low, high = bounds.get(name, (-math.inf, math.inf))
        yield {"activation": name, "low": low, "high": high}
    yield {"activation": "clamp", "low": -math.inf, "high": 0.5}
