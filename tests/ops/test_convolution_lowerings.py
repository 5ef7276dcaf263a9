"""Volumes as convolutions of images: captured, lowered, and evaluated row by row they equal eager
PyTorch, at other sizes than the example's too."""

from __future__ import annotations

import pytest
import torch
from support.lowered import check
from torch import nn

from wasm_torch_web.axes import DynamicAxis

# (kernel, stride, padding, dilation)
SHAPES = (
    ((2, 2, 2), (2, 2, 2), (0, 0, 0), (1, 1, 1)),
    ((3, 2, 3), (2, 1, 3), (1, 0, 1), (1, 2, 1)),
    ((4, 3, 2), (3, 2, 1), (2, 1, 0), (1, 1, 1)),
    ((2, 3, 3), (1, 1, 1), (1, 2, 2), (2, 2, 2)),
)
# (groups, output channels) for 4 input channels.
GROUPS = ((1, 6), (2, 5 * 2), (4, 4), (4, 8))
DEPTH = (DynamicAxis("input", 0, 2, 8), DynamicAxis("input", 2, 6, 20))


@pytest.mark.parametrize(("kernel", "stride", "padding", "dilation"), SHAPES)
@pytest.mark.parametrize("transposed", [False, True])
def test_volumes(
    transposed: bool,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
) -> None:
    modules = []
    for groups, outputs in GROUPS:
        kind, more = nn.Conv3d, {}
        if transposed:
            kind, more = (
                nn.ConvTranspose3d,
                {"output_padding": tuple(min(s - 1, 1) for s in stride)},
            )
        options = {"dilation": dilation, "groups": groups, "bias": groups != 2, **more}
        modules.append(kind(4, outputs, kernel, stride, padding, **options))
    x, other = torch.randn(2, 4, 7, 6, 5), torch.randn(3, 4, 9, 6, 5)
    check(Each(modules), (x,), DEPTH, (other,))


class Each(nn.Module):
    def __init__(self, modules: list[nn.Module]) -> None:
        super().__init__()
        self.all = nn.ModuleList(modules)

    def forward(self, input: torch.Tensor) -> list[torch.Tensor]:
        return [module(input) for module in self.all]
