"""Softmax and its logarithm along one axis."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import axis, cast
from wasm_torch_web.ops.samples import channels_last, corners, normal
from wasm_torch_web.ops.table import FLOATS, Case, flag, integer, lowers, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def _reference(x: torch.Tensor, dim: int, log: bool, safe: bool) -> torch.Tensor:
    if log:
        return torch.log_softmax(x, dim)
    return torch.ops.aten._safe_softmax(x, dim) if safe else torch.softmax(x, dim)


def _cases() -> Iterator[Case]:
    def case(x: torch.Tensor, dim: int, log: bool = False, safe: bool = False) -> Case:
        return Case((x,), {"dim": dim, "log": log, "safe": safe})

    for log in (False, True):
        for dtype in FLOATS:
            yield case(normal(3, 17, dtype=dtype), 1, log)
            yield case(normal(2, 15, 5, dtype=dtype), 1, log)
        for shape, dim in (((), 0), ((0, 4), 1), ((4, 0), 1), ((1,), 0), ((7, 1, 3), 1)):
            yield case(normal(*shape), dim, log)
        yield case(normal(5, 3, 70), 0, log)
        yield case(normal(4, 1000) * 30, 1, log)
        yield case(normal(2, 4, 5, 3).permute(0, 3, 1, 2), 1, log)
        yield case(channels_last(normal(2, 5, 3, 4)), 3, log)
        yield case(corners(9, 5), 1, log)
        yield case(corners(5, 9), 0, log)
    masked = normal(4, 3, 9)
    masked[1, 2] = masked[2, :, 4] = -math.inf
    masked[3] = -math.inf
    masked[3, 0, 3] = math.nan
    yield from (case(masked, 2, safe=safe) for safe in (False, True))
    yield case(masked, 1, safe=True)
    yield case(masked.half(), 1, safe=True)
    yield case(masked.double(), 2, safe=True)


row(
    "softmax",
    inputs=[tensor("input", FLOATS, "dense_any")],
    outputs=[tensor("output", FLOATS, "like")],
    # safe: where all of a row is -inf (masked) the result is 0 instead of NaN.
    attributes=[integer("dim"), flag("log", False), flag("safe", False)],
    reference=_reference,
    inplace=0,
    cases=_cases,
)


def _emit(b: Builder, a: dict[str, Any], log: bool = False, safe: bool = False) -> Value:
    x = cast(b, a["self"], a.get("dtype"))
    if a.get("half_to_float"):
        x = cast(b, x, torch.float32)
    result: Value = b.emit(
        "softmax", [x], {"dim": axis(a["dim"], x.rank), "log": log, "safe": safe}
    )
    return result


@lowers("aten.softmax.int", "aten._softmax.default")
def softmax(b: Builder, a: dict[str, Any]) -> Value:
    """Softmax; `dtype` is what the input is cast to first."""
    return _emit(b, a)


@lowers("aten.log_softmax.int", "aten._log_softmax.default")
def log_softmax(b: Builder, a: dict[str, Any]) -> Value:
    """Logarithm of the softmax."""
    return _emit(b, a, log=True)


@lowers("aten._safe_softmax.default")
def safe_softmax(b: Builder, a: dict[str, Any]) -> Value:
    """Softmax that gives 0 for rows that are masked as a whole."""
    return _emit(b, a, safe=True)
