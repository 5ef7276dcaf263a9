"""Squeeze-excite: the gate goes into the weights of a 1x1 convolution where that is less work."""

from __future__ import annotations

import pytest
import torch
from compiler.test_capture import Module
from compiler.test_passes import compiled
from torch import Tensor, nn

from wasm_torch_web.pipeline import Compiled


class Gated(nn.Module):
    """An image times a number for each of its channels, then a convolution."""

    def __init__(self, outputs: int = 6, kernel: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.gate = nn.Conv2d(4, 4, 1)
        self.convolution = nn.Conv2d(4, outputs, kernel, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        return torch.relu(self.convolution(x * gate))


def scaled(module: nn.Module, x: Tensor) -> bool:
    """Whether the one `mul` is of weights; the output is compared with PyTorch's."""
    result, rows = compiled(module, (x,))
    assert rows["mul"] == 1
    return _scales_weights(result)


def _scales_weights(result: Compiled) -> bool:
    (product,) = (node for node in result.graph.nodes if node.row.name == "mul")
    return any(value is not None and value.is_constant for value in product.inputs)


def image(batch: int = 1, size: int = 6) -> Tensor:
    return torch.randn(batch, 4, size, size, generator=torch.Generator().manual_seed(0))


def test_the_gate_scales_weights() -> None:
    assert scaled(Gated(), image())
    assert scaled(Gated(outputs=9), image())  # as many pixels as weights cost


@pytest.mark.parametrize(
    ("module", "x"),
    [
        (Gated(), image(batch=2)),  # a gate for each image
        (Gated(outputs=10), image()),  # more weights than pixels
        (Gated(kernel=3), image(size=9)),  # Winograd's weights are constants
        (Gated(outputs=4, groups=2), image()),
    ],
)
def test_where_it_does_not_pay_the_image_is_scaled(module: nn.Module, x: Tensor) -> None:
    assert not scaled(module, x)


def test_what_others_read_stays_as_it_is() -> None:
    def read(gated: Gated, x: Tensor) -> tuple[Tensor, Tensor]:
        y = x * torch.sigmoid(gated.gate(x.mean((2, 3), keepdim=True)))
        return gated.convolution(y), y

    assert not scaled(Module(read, Gated()), image())


class Scaled(nn.Module):
    """A gate that the module is given, or has."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(4, 4, 1)
        self.scale = nn.Parameter(torch.rand(1, 4, 1, 1))

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        y: Tensor = self.convolution(x * gate)
        return y


@pytest.mark.parametrize("dtype", [torch.bool, torch.int32, torch.int64, torch.uint8])
def test_gates_and_images_of_other_dtypes_are_multiplied_as_they_are(dtype: torch.dtype) -> None:
    gate = torch.tensor([0, 1, 1, 0]).reshape(1, 4, 1, 1)
    result, _ = compiled(Scaled(), (image(), gate.to(dtype)))
    assert not _scales_weights(result)
    pixels = (image() * 3).to(dtype)
    result, _ = compiled(Scaled(), (pixels, gate.float()))
    assert not _scales_weights(result)


def test_a_constant_gate_is_no_work_for_every_run() -> None:
    def constant(module: Scaled, x: Tensor) -> Tensor:
        return module(x, module.scale)

    result, _ = compiled(Module(constant, Scaled()), (image(),))
    (product,) = (node for node in result.graph.nodes if node.row.name == "mul")
    assert product.inputs[0] is result.graph.inputs[0].value
