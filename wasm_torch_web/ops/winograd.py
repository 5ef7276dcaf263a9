"""Winograd's minimal filtering for 3 x 3 convolutions of stride 1: F(4x4, 3x3) and F(2x2, 3x3).

A tile of m x m outputs takes (m + 2)^2 products a channel instead of 9 m^2: 4 times fewer for
m = 4, 2.25 times for m = 2 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks").
Points are 0, infinity and +-1 for m = 2, +-1/sqrt(2) and +-sqrt(2) for m = 4, whose rounding error
is a third of that of the usual +-1 and +-2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.epilogue import activation_attributes, activation_cases, finish
from wasm_torch_web.ops.samples import channels_last, normal
from wasm_torch_web.ops.table import F32, Attributes, Case, Shapes, integer, integers, row, tensor

PANEL = 8  # output channels that lie side by side
TILES = (2, 4)
_POINTS = {2: (1.0, -1.0), 4: (0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5))}


def weight_transform(tile: int) -> torch.Tensor:
    """G (tile + 2, 3) in float64: the weights of one axis become G w."""
    points = (0.0, *_POINTS[tile])
    rows = []
    for p in points:
        scale = 1.0
        for other in points:
            scale *= 1.0 if other == p else p - other
        rows.append([1 / scale, p / scale, p * p / scale])
    return torch.tensor([*rows, [0.0, 0.0, 1.0]], dtype=torch.float64)


def _winograd_weight(weight: torch.Tensor, tile: int) -> torch.Tensor:
    g = weight_transform(tile)
    u = torch.einsum("yi,xj,oijc->oyxc", g, g, weight.double()).float()
    o, points, _, i = u.shape
    padded = F.pad(u, (0, 0, 0, 0, 0, 0, 0, -o % PANEL))
    panels = padded.reshape(-(-o // PANEL), PANEL, points, points, i)
    return panels.permute(0, 2, 3, 4, 1).contiguous()


def _weight_cases() -> Iterator[Case]:
    for tile in TILES:
        for o, i in ((1, 1), (8, 4), (17, 5), (16, 33)):
            yield Case((normal(o, 3, 3, i),), {"tile": tile})
        yield Case((normal(8, 3, 3, 0),), {"tile": tile})


row(
    "winograd_weight",
    # weight: (O, 3, 3, I); output: [ceil(O / 8)][tile + 2][tile + 2][I][8], zero padded.
    inputs=[tensor("weight", F32)],
    outputs=[tensor("output", F32)],
    attributes=[integer("tile", 4)],
    reference=_winograd_weight,
    prepares=True,
    cases=_weight_cases,
)


def _winograd_conv2d(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor,
    residual: torch.Tensor | None,
    padding: Sequence[int],
    activation: str,
    low: float,
    high: float,
) -> torch.Tensor:
    inverse = torch.linalg.pinv(weight_transform(weight.shape[1] - 2))
    u = weight.permute(0, 4, 1, 2, 3).flatten(0, 1)[: bias.shape[0]]
    w = torch.einsum("iy,jx,oyxc->ocij", inverse, inverse, u.double()).float()
    top, left, bottom, right = padding
    x = F.pad(input, (left, right, top, bottom))
    return finish(F.conv2d(x, w, bias), residual, activation, low, high)


def _flops(inputs: Shapes, outputs: Shapes, attributes: Attributes) -> Any:
    return 2 * math.prod(outputs[0]) * 9 * inputs[1][3]  # of the convolution, computed directly


def _conv_cases() -> Iterator[Case]:
    def case(x: tuple[int, ...], o: int, tile: int, **attributes: Any) -> Case:
        weight = _winograd_weight(normal(o, 3, 3, x[1], seed=1), tile)
        bias = normal(o, seed=2) if o % 2 else torch.zeros(o)
        return Case((normal(*x), weight, bias, None), {"padding": (1, 1, 1, 1), **attributes})

    for tile in TILES:
        for height, width in ((1, 1), (2, 3), (3, 5), (4, 4), (5, 1)):
            yield case((1, 4, height, width), 8, tile)
            yield case((2, 5, height, width), 3, tile)
        yield case((3, 7, 6, 9), 17, tile)
        yield case((1, 12, 15, 17), 20, tile)
        yield case((2, 3, 9, 8), 1, tile, padding=(0, 0, 0, 0))
        yield case((1, 8, 10, 9), 9, tile, padding=(2, 0, 2, 0))
        yield case((1, 8, 7, 6), 16, tile, padding=(0, 1, 3, 2))
        yield case((1, 4, 1, 2), 8, tile, padding=(4, 5, 4, 5))
        yield case((1, 33, 30, 26), 31, tile)
        yield case((1, 160, 7, 7), 100, tile)
        yield case((1, 8, tile, 7 * tile), 12, tile)  # 7 tiles: 3 rows of a product, then 4
        yield case((0, 4, 5, 5), 8, tile)
        for attributes in activation_cases():
            residual = channels_last(normal(1, 11, 6, 5, seed=3))
            weight = _winograd_weight(normal(11, 3, 3, 5, seed=1) / 4, tile)
            inputs = (normal(1, 5, 6, 5), weight, normal(11, seed=2), residual)
            yield Case(inputs, {"padding": (1, 1, 1, 1), **attributes})


row(
    "winograd_conv2d",
    # conv2d with 3 x 3 weights, stride 1, one group. weight: as winograd_weight gives it;
    # padding: (top, left, bottom, right).
    inputs=[
        tensor("input", F32, "channels_last"),
        tensor("weight", F32),
        tensor("bias", F32),
        tensor("residual", F32, "channels_last", optional=True),
    ],
    outputs=[tensor("output", F32, "channels_last")],
    attributes=[integers("padding", (0, 0, 0, 0)), *activation_attributes()],
    reference=_winograd_conv2d,
    flops=_flops,
    cases=_conv_cases,
)
