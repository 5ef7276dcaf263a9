"""Winograd's convolutions: where they are chosen, what they cost in memory, that they are right."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from compiler.test_capture import Module
from compiler.test_passes import compiled
from torch import Tensor, nn

from wasm_torch_web.passes.winograd import MAX_GROWTH


def image(channels: int, size: int) -> tuple[Tensor]:
    return (torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(0)),)


def tiles(graph: Any) -> list[int]:
    """The tile of each weight that is prepared."""
    return [node.attributes["tile"] for node in graph.prepare]


@pytest.mark.parametrize(
    ("convolution", "found"),
    [
        (nn.Conv2d(16, 24, 3, padding=1), 1),
        (nn.Conv2d(16, 24, 3, bias=False), 1),
        (nn.Conv2d(16, 24, 3, stride=2), 0),
        (nn.Conv2d(16, 24, 3, dilation=2), 0),
        (nn.Conv2d(16, 24, 3, groups=2), 0),
        (nn.Conv2d(16, 24, 5), 0),
        (nn.Conv2d(3, 24, 3), 0),
    ],
    ids=str,
)
def test_which_convolutions(convolution: nn.Conv2d, found: int) -> None:
    # Other constants are large enough for any tile.
    module = nn.Sequential(convolution, nn.ReLU(), nn.Conv2d(24, 1024, 1))
    result, rows = compiled(module, image(convolution.in_channels, 28))
    assert rows["winograd_conv2d"] == found == len(result.graph.prepare)
    assert "winograd_weight" not in rows


def test_a_weight_that_is_read_twice_is_prepared_once() -> None:
    def twice(one: nn.Module, other: nn.Module, x: Tensor) -> Tensor:
        return other(one(one(x)))

    module = Module(twice, nn.Conv2d(16, 16, 3), nn.Conv2d(16, 1024, 1))
    result, rows = compiled(module, image(16, 28))
    assert rows["winograd_conv2d"] == 2 and tiles(result.graph) == [4]


def test_prepared_bytes_are_limited() -> None:
    """What saves the least time for its bytes gives way: here the smallest images."""
    layers: list[nn.Module] = []
    for _ in range(4):
        layers += [nn.Conv2d(32, 32, 3, padding=1), nn.MaxPool2d(2)]
    module = nn.Sequential(*layers)
    graph = compiled(module, image(32, 32))[0].graph
    prepared = sum(int(node.output.numel) for node in graph.prepare)
    assert 0 < prepared <= MAX_GROWTH * sum(p.numel() for p in module.parameters())
    chosen = tiles(graph)
    assert chosen == sorted(chosen, reverse=True) and len(set(chosen)) > 1


@pytest.mark.parametrize("second", ["conv2d", "matmul"])
def test_other_readers_of_a_weight(second: str) -> None:
    """The weight stays in the order that both take."""
    conv = nn.Conv2d(16, 16, 3)

    def both(one: nn.Module, x: Tensor) -> Tensor:
        y = one(x)
        if second == "conv2d":
            return torch.nn.functional.conv2d(y, one.weight, stride=2)
        return y * (one.weight.reshape(16, 144) @ x[0, :, :9].reshape(144, -1)).sum()

    result, rows = compiled(Module(both, conv), image(16, 16))
    assert rows["winograd_conv2d"] == 1 and tiles(result.graph)
