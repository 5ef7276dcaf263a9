"""An expanding 1x1 convolution joins the depthwise one behind it where its image is large."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from compiler.test_capture import Module
from compiler.test_passes import compiled, normalised
from torch import Tensor, nn

from wasm_torch_web.axes import DynamicAxis
from wasm_torch_web.capture import export_module
from wasm_torch_web.pipeline import compile_program

WIDE = 64


def block(stride: int = 1, activation: type[nn.Module] = nn.ReLU6, **sizes: Any) -> nn.Sequential:
    """What MobileNetV2 and its kin begin their blocks with."""
    depthwise = nn.Conv2d(WIDE, WIDE, 3, stride, **{"padding": 1, "groups": WIDE, **sizes})
    expand = nn.Sequential(nn.Conv2d(6, WIDE, 1, bias=False), normalised(WIDE), activation())
    return nn.Sequential(*expand, depthwise, normalised(WIDE), activation())


def image(size: int = 72, channels: int = 6) -> Tensor:
    return torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("activation", [nn.ReLU6, nn.SiLU, nn.Identity])
@pytest.mark.parametrize("stride", [1, 2])
def test_large_images_are_expanded_by_bands(stride: int, activation: type[nn.Module]) -> None:
    _, rows = compiled(block(stride, activation), (image(),))
    assert rows["expand_depthwise_conv2d"] == 1 and not rows["conv2d"] + rows["depthwise_conv2d"]


def test_bands_are_cut_evenly_and_stay_in_the_cache() -> None:
    for size, stride, expected in ((72, 1, 8), (66, 2, 7), (420, 2, 3)):
        result, _ = compiled(block(stride), (image(size),))
        (node,) = (n for n in result.graph.nodes if n.row.name == "expand_depthwise_conv2d")
        assert node.attributes["rows"] == expected


@pytest.mark.parametrize(
    ("module", "x"),
    [
        (block(), image(60)),  # stays in the cache
        (block(padding=12, dilation=12), image()),  # bands would share most of their rows
        (nn.Sequential(nn.Conv2d(6, WIDE, 1, padding=1), *block()[3:]), image()),
        (nn.Sequential(nn.Conv2d(6, WIDE, 1, groups=2), *block()[3:]), image()),
        (nn.Sequential(*block()[:2], nn.SiLU(), *block()[3:]), image()),  # two activations
    ],
)
def test_where_it_does_not_pay_or_fit_they_stay_apart(module: nn.Module, x: Tensor) -> None:
    _, rows = compiled(module, (x,))
    assert not rows["expand_depthwise_conv2d"] and rows["depthwise_conv2d"] == 1


def test_an_image_that_others_read_stays() -> None:
    def read(layers: nn.Sequential, x: Tensor) -> tuple[Tensor, Tensor]:
        y = layers[:3](x)
        return y, layers[3:](y)

    _, rows = compiled(Module(read, block()), (image(),))
    assert not rows["expand_depthwise_conv2d"]


def test_an_image_of_unknown_size_stays() -> None:
    program = export_module(block(), (image(),), {}, [DynamicAxis("input", 2, 8, 100)])
    rows = [node.row.name for node in compile_program(program).graph.nodes]
    assert "depthwise_conv2d" in rows and "expand_depthwise_conv2d" not in rows
