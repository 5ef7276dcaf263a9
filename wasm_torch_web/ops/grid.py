"""Sampling of images and volumes at positions that another tensor gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import HALF, in_float32
from wasm_torch_web.ops.samples import channels_last, normal
from wasm_torch_web.ops.table import Case, dtype, enum, flag, lowers, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

aten = torch.ops.aten
WIDE = (torch.float32, torch.float64)
MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")


def _grid_sample(
    input: torch.Tensor,
    grid: torch.Tensor,
    mode: str,
    padding: str,
    align_corners: bool,
    precision: torch.dtype,
) -> torch.Tensor:
    function = aten.grid_sampler_2d if input.dim() == 4 else aten.grid_sampler_3d
    how = MODES.index(mode), PADDINGS.index(padding), align_corners
    result: torch.Tensor = function(input.to(precision), grid.to(precision), *how)
    return result.to(input.dtype)


def _cases() -> Iterator[Case]:
    for align in (False, True):
        for padding in PADDINGS:
            how = {"padding": padding, "align_corners": align, "precision": torch.float32}
            for mode in MODES:
                for t in WIDE:
                    grid = normal(2, 4, 5, 2, seed=1, dtype=t)
                    images = normal(2, 3, 6, 7, dtype=t)
                    yield Case((images, grid), {"mode": mode, **how, "precision": t})
            for mode in MODES[:2]:
                grid = normal(1, 3, 4, 5, 3, seed=1)
                yield Case((normal(1, 2, 4, 5, 3), grid), {"mode": mode, **how})
            one = {"mode": "bilinear", **how}
            yield Case((normal(1, 2, 1, 1), normal(1, 3, 3, 2, seed=1) * 3), one)
    for half in HALF:
        for align in (False, True):
            inputs = (x.to(half).float() for x in (normal(1, 3, 6, 7), normal(1, 4, 5, 2, seed=1)))
            how = {"padding": "border", "align_corners": align, "precision": half}
            mode, why = MODES[2 * align], "PyTorch may add up in another order"
            yield Case(tuple(inputs), {"mode": mode, **how}, 2 * torch.finfo(half).eps, why)
    how = {"mode": "bilinear", "padding": "zeros", "precision": torch.float32}
    apart = normal(1, 2, 4, 5, seed=1).permute(0, 2, 3, 1)
    yield Case((channels_last(normal(1, 17, 5, 6)), apart), how)
    # Of infinite positions PyTorch's own kernels make NaN or 0, by dtype and rank.
    far = torch.tensor([1e30, -1e30, 3e9, 0.0, 2.0, 1.0]).reshape(1, 1, 3, 2)
    yield Case((normal(1, 2, 3, 4), far), how)
    yield Case((normal(0, 3, 4, 4), normal(0, 2, 2, 2)), how)
    yield Case((normal(1, 3, 4, 4), normal(1, 0, 2, 2)), how)


row(
    "grid_sample",
    inputs=[tensor("input", WIDE, "strided"), tensor("grid", WIDE, "strided")],
    outputs=[tensor("output", WIDE)],
    attributes=[
        enum("mode", *MODES),
        enum("padding", *PADDINGS),
        flag("align_corners", False),
        # What each step of the computation is rounded to; the inputs' own dtype, or a half.
        dtype("precision"),
    ],
    reference=_grid_sample,
    cases=_cases,
)


@lowers("aten.grid_sampler_2d.default", "aten.grid_sampler_3d.default")
def grid_sampler(b: Builder, a: dict[str, Any]) -> Value:
    """Values at positions from -1 to 1 in each axis."""
    result: Value = _sampled(b, {**a, "precision": a["input"].dtype})
    return result


@in_float32
def _sampled(b: Builder, a: dict[str, Any]) -> Any:
    how = {
        "precision": a["precision"],
        "mode": MODES[a["interpolation_mode"]],
        "padding": PADDINGS[a["padding_mode"]],
        "align_corners": a["align_corners"],
    }
    return b.emit("grid_sample", [a["input"], a["grid"]], how)
