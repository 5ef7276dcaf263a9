"""Detectors without their non-maximum suppression: an image in, boxes and scores out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.models.model import Model, zoo


class SSDLite(nn.Module):
    """torchvision's SSDLite: (1, 3, 320, 320) -> box offsets and class scores of every anchor."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models.detection import ssdlite320_mobilenet_v3_large

        whole = ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)
        self.backbone, self.head = whole.backbone, whole.head

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        found = self.head(list(self.backbone(x).values()))
        return found["bbox_regression"], found["cls_logits"].softmax(-1)


def ssdlite() -> Model:
    return Model(zoo.warmed(SSDLite(), torch.randn(2, 3, 320, 320)), (torch.randn(1, 3, 320, 320),))


def _conv(inner: int, outer: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inner, outer, size, stride, size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outer), nn.SiLU())


class Bottleneck(nn.Module):
    """Two convolutions, with a residual in the backbone."""

    def __init__(self, width: int, residual: bool) -> None:
        super().__init__()
        self.convs = nn.Sequential(_conv(width, width), _conv(width, width))
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.convs(x)
        return x + y if self.residual else y


class C2f(nn.Module):
    """Bottlenecks in a row whose outputs are all concatenated."""

    def __init__(self, inner: int, outer: int, depth: int = 1, residual: bool = False) -> None:
        super().__init__()
        half = outer // 2
        self.first, self.last = _conv(inner, outer, 1), _conv((2 + depth) * half, outer, 1)
        self.blocks = nn.ModuleList(Bottleneck(half, residual) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.first(x).chunk(2, 1))
        for block in self.blocks:
            parts.append(block(parts[-1]))
        y: Tensor = self.last(torch.cat(parts, 1))
        return y


class SPPF(nn.Module):
    """Pooling at three sizes by one pooling three times."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = _conv(width, width // 2, 1), _conv(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.first(x)]
        for _ in range(3):
            parts.append(F.max_pool2d(parts[-1], 5, 1, 2))
        y: Tensor = self.last(torch.cat(parts, 1))
        return y


class Head(nn.Module):
    """One scale's boxes (as distributions over `bins` distances to each side) and classes."""

    def __init__(self, inner: int, stride: int, classes: int = 80, bins: int = 16) -> None:
        super().__init__()
        self.box = nn.Sequential(_conv(inner, 64), _conv(64, 64), nn.Conv2d(64, 4 * bins, 1))
        self.score = nn.Sequential(_conv(inner, 80), _conv(80, 80), nn.Conv2d(80, classes, 1))
        self.stride, self.bins = stride, bins

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        distances = self.box(x).view(1, 4, self.bins, height * width).softmax(2)
        bins = torch.arange(self.bins, dtype=x.dtype).view(1, 1, -1, 1)
        near, far = (distances * bins).sum(2).chunk(2, 1)
        rows, columns = torch.arange(height) + 0.5, torch.arange(width) + 0.5
        grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy")).view(1, 2, -1)
        boxes = torch.cat([(2 * grid + far - near) / 2, far + near], 1) * self.stride
        return torch.cat([boxes, self.score(x).flatten(2).sigmoid()], 1)


class YOLO(nn.Module):
    """YOLOv8, size n: (1, 3, H, W) -> (1, 4 + classes, anchors), H and W multiples of 32."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _conv(3, 16, 3, 2), _conv(16, 32, 3, 2), C2f(32, 32, 1, True), _conv(32, 64, 3, 2)
        )
        self.small = C2f(64, 64, 2, True)
        self.medium = nn.Sequential(_conv(64, 128, 3, 2), C2f(128, 128, 2, True))
        self.large = nn.Sequential(_conv(128, 256, 3, 2), C2f(256, 256, 1, True), SPPF(256))
        self.up = nn.ModuleList([C2f(384, 128), C2f(192, 64)])
        self.down = nn.ModuleList([_conv(64, 64, 3, 2), _conv(128, 128, 3, 2)])
        self.merge = nn.ModuleList([C2f(192, 128), C2f(384, 256)])
        self.heads = nn.ModuleList([Head(64, 8), Head(128, 16), Head(256, 32)])

    def forward(self, x: Tensor) -> Tensor:
        small = self.small(self.stem(x))
        medium = self.medium(small)
        large = self.large(medium)
        medium = self.up[0](torch.cat([_double_size(large), medium], 1))
        small = self.up[1](torch.cat([_double_size(medium), small], 1))
        medium = self.merge[0](torch.cat([self.down[0](small), medium], 1))
        large = self.merge[1](torch.cat([self.down[1](medium), large], 1))
        scales = zip(self.heads, (small, medium, large), strict=True)
        return torch.cat([head(features) for head, features in scales], 2)


def _double_size(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


def yolo() -> Model:
    return Model(zoo.warmed(YOLO(), torch.randn(1, 3, 320, 320)), (torch.randn(1, 3, 320, 320),))
