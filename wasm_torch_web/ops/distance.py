"""Distances of points in p-norms: of two sets, and of all pairs of one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import expand
from wasm_torch_web.ops.samples import corners, normal
from wasm_torch_web.ops.table import Case, lowers, real, row, tensor
from wasm_torch_web.strides import broadcast_shape

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

WIDE = (torch.float32, torch.float64)
NORMS = (0.0, 0.5, 1.0, 2.0, 3.0, math.inf)


def _cdist(x1: torch.Tensor, x2: torch.Tensor, p: float) -> torch.Tensor:
    return torch.cdist(x1, x2, p, "donot_use_mm_for_euclid_dist")


def _cdist_cases() -> Iterator[Case]:
    for p in NORMS:
        for dtype in WIDE:
            points = normal(5, 7, dtype=dtype), normal(4, 7, dtype=dtype, seed=1)
            yield Case(points, {"p": p})
        yield Case((normal(2, 3, 1, 17), normal(2, 3, 15, 17, seed=1)), {"p": p})
        yield Case((corners(9, 5, largest=1e3), corners(3, 5, largest=1e3, seed=1)), {"p": p})
    for p in (0.0, 2.0):
        for x, y in (((3, 0), (4, 0)), ((0, 3), (4, 3)), ((3, 5), (0, 5)), ((0, 2, 3), (0, 4, 3))):
            yield Case((normal(*x), normal(*y)), {"p": p})


row(
    "cdist",
    # (..., P, M) and (..., R, M) of the same leading axes.
    inputs=[tensor("x1", WIDE), tensor("x2", WIDE)],
    outputs=[tensor("output", WIDE)],
    attributes=[real("p")],
    reference=_cdist,
    cases=_cdist_cases,
)


def _pdist_cases() -> Iterator[Case]:
    for p in NORMS:
        yield from (Case((normal(15, 4, dtype=dtype),), {"p": p}) for dtype in WIDE)
    for shape in ((0, 3), (1, 3), (2, 5), (4, 0)):
        yield Case((normal(*shape),), {"p": 2.0})


row(
    "pdist",
    inputs=[tensor("input", WIDE)],
    outputs=[tensor("output", WIDE)],
    attributes=[real("p")],
    reference=torch.pdist,
    cases=_pdist_cases,
)


@lowers("aten._cdist_forward.default")
def cdist(b: Builder, a: dict[str, Any]) -> Value:
    """Leading axes are broadcast; how sums are computed (`compute_mode`) is the kernel's."""
    x, y = a["x1"], a["x2"]
    leading = broadcast_shape([x.shape[:-2], y.shape[:-2]])
    x, y = (expand(b, one, (*leading, *one.shape[-2:])) for one in (x, y))
    result: Value = b.emit("cdist", [x, y], {"p": a["p"]})
    return result


@lowers("aten._pdist_forward.default")
def pdist(b: Builder, a: dict[str, Any]) -> Value:
    """Of the rows of a matrix."""
    result: Value = b.emit("pdist", [a["self"]], {"p": a["p"]})
    return result


@lowers("aten.dist.default")
def dist(b: Builder, a: dict[str, Any]) -> Any:
    """The norm of a difference."""
    difference = b.call("aten.sub.Tensor", self=a["self"], other=a["other"])
    return b.call("aten.linalg_vector_norm.default", self=difference, ord=a["p"])
