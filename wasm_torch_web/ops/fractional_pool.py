"""Fractional max pooling: windows that begin where random numbers, an operand, say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import HALF, cast, each
from wasm_torch_web.ops.samples import corners, normal
from wasm_torch_web.ops.statistics import wide
from wasm_torch_web.ops.table import FLOATS, Case, dtype, integers, lowers, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

aten = torch.ops.aten
WIDE = (torch.float32, torch.float64)


def _fractional_max_pool(
    self: torch.Tensor,
    random_samples: torch.Tensor,
    kernel_size: tuple[int, ...],
    output_size: tuple[int, ...],
    precision: torch.dtype,
) -> tuple[torch.Tensor, torch.Tensor]:
    pool = aten.fractional_max_pool2d if self.dim() == 4 else aten.fractional_max_pool3d
    x, samples = self.to(precision), random_samples.to(precision)
    values, indices = pool(x, kernel_size, output_size, samples)
    return values.to(self.dtype), indices


def _cases() -> Iterator[Case]:
    for shape, kernel, size in (
        ((2, 3, 9, 10), (2, 3), (4, 5)),
        ((1, 5, 6, 7), (1, 2), (1, 3)),
        ((2, 3, 6, 7, 8), (2, 3, 2), (3, 2, 4)),
    ):
        for t in WIDE:
            samples = normal(*shape[:2], len(kernel), dtype=t).abs() % 1
            how = {"kernel_size": kernel, "output_size": size}
            yield Case((normal(*shape, dtype=t), samples), {**how, "precision": t})
            yield Case((corners(*shape, dtype=t), samples), {**how, "precision": t})
        for half in HALF:
            inputs = normal(*shape), normal(*shape[:2], len(kernel)).abs() % 1
            yield Case(tuple(x.to(half).float() for x in inputs), {**how, "precision": half})


row(
    "fractional_max_pool",
    inputs=[tensor("self", WIDE), tensor("random_samples", WIDE)],
    outputs=[tensor("output", WIDE), tensor("indices", (torch.int64,))],
    # Where windows begin is computed in `precision`: the inputs' own dtype, or a half.
    attributes=[integers("kernel_size"), integers("output_size"), dtype("precision")],
    reference=_fractional_max_pool,
    cases=_cases,
)


@lowers("aten.fractional_max_pool2d.default", "aten.fractional_max_pool3d.default")
def fractional_max_pool(b: Builder, a: dict[str, Any]) -> tuple[Value, Value] | None:
    """Values and flat indices."""
    x, samples = a["self"], a["random_samples"]
    precision = x.dtype
    if precision not in FLOATS:
        return None
    x = cast(b, x, wide(precision))
    n = samples.shape[2]
    alone = x.rank == n + 1
    if alone:
        x = b.call("aten.unsqueeze.default", self=x, dim=0)
    samples = b.emit("slice", [samples], {"dim": 0, "end": x.shape[0]})  # there may be more
    how = {
        "kernel_size": each(a["kernel_size"], n),
        "output_size": each(a["output_size"], n),
        "precision": precision,
    }
    results = b.emit("fractional_max_pool", [x, cast(b, samples, x.dtype)], how)
    if alone:
        results = tuple(b.call("aten.squeeze.dims", self=y, dim=(0,)) for y in results)
    values, indices = results
    return cast(b, values, precision), indices
