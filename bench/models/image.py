"""Classifiers, segmentation and super-resolution: an image in, scores or an image out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.models.model import Model, zoo


def classifier(name: str) -> Callable[[], Model]:
    """A torchvision classifier on a picture of 224 x 224."""
    return lambda: Model(zoo.ZOO[name]().module, (torch.randn(1, 3, 224, 224),))


def vit_tiny() -> Model:
    return Model(zoo.ZOO["vit_tiny"]().module, (torch.randn(1, 3, 224, 224),))


class Scores(nn.Module):
    """A segmentation network without its auxiliary outputs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.network(x)["out"]
        return scores


def deeplab() -> Model:
    network = zoo.ZOO["deeplabv3_mobilenet_v3"]().module
    return Model(Scores(network).eval(), (torch.randn(1, 3, 256, 256),))


def _double(inner: int, outer: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inner, outer):
        conv = nn.Conv2d(channels, outer, 3, padding=1, bias=False)
        layers += [conv, nn.BatchNorm2d(outer), nn.ReLU()]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Ronneberger et al. 2015, padded: (N, 3, H, W) -> (N, 2, H, W), H and W multiples of 16."""

    widths = (16, 32, 64, 128, 256)

    def __init__(self) -> None:
        super().__init__()
        pairs = list(zip(self.widths, self.widths[1:], strict=False))
        self.first = _double(3, self.widths[0])
        self.down = nn.ModuleList(_double(a, b) for a, b in pairs)
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in reversed(pairs))
        self.merge = nn.ModuleList(_double(b, a) for a, b in reversed(pairs))
        self.last = nn.Conv2d(self.widths[0], 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept = [self.first(x)]
        for down in self.down:
            kept.append(down(F.max_pool2d(kept[-1], 2)))
        y = kept.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            y = merge(torch.cat([kept.pop(), up(y)], 1))
        scores: Tensor = self.last(y)
        return scores


def unet() -> Model:
    module = zoo.warmed(UNet(), torch.randn(2, 3, 128, 128))
    return Model(module, (torch.randn(1, 3, 256, 256),))


class Upscaler(nn.Module):
    """The compact network of Real-ESRGAN (Wang et al. 2021): (N, 3, H, W) -> (N, 3, 4H, 4W)."""

    def __init__(self, width: int = 64, depth: int = 16, scale: int = 4) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.PReLU(width)]
        for _ in range(depth):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width)]
        layers += [nn.Conv2d(width, 3 * scale**2, 3, padding=1), nn.PixelShuffle(scale)]
        self.body, self.scale = nn.Sequential(*layers), scale

    def forward(self, x: Tensor) -> Tensor:
        larger: Tensor = self.body(x) + F.interpolate(x, scale_factor=self.scale, mode="nearest")
        return larger


def super_resolution() -> Model:
    return Model(Upscaler().eval(), (torch.rand(1, 3, 64, 64),))
