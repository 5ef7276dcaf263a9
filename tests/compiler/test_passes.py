"""Passes: what each leaves of a graph, and that the graph still means the same."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from compiler.test_capture import Module
from support.native_graph import run_native
from torch import Tensor, nn

from wasm_torch_web.capture import export_module
from wasm_torch_web.ir import root
from wasm_torch_web.pipeline import Compiled, compile_program

IMAGE = (torch.randn(1, 4, 9, 7, generator=torch.Generator().manual_seed(0)),)


def compiled(module: nn.Module, args: tuple[Any, ...]) -> tuple[Compiled, Counter[str]]:
    """The compiled module, proven to equal PyTorch on the native runtime, and its rows."""
    torch.manual_seed(0)
    result = compile_program(export_module(module, args, {}))
    for given, expected in run_native(result, module, args):
        torch.testing.assert_close(given, expected, rtol=1e-5, atol=1e-5, equal_nan=True)
    return result, Counter(node.row.name for node in result.graph.nodes)


def normalised(channels: int) -> nn.BatchNorm2d:
    """A batch norm whose statistics are not the neutral ones."""
    norm = nn.BatchNorm2d(channels)
    for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
        assert tensor is not None
        nn.init.uniform_(tensor, 0.5, 2)
    return norm


def test_batch_norm_and_activation_vanish_into_convolutions() -> None:
    for convolution in (
        nn.Conv2d(4, 8, 3),
        nn.Conv2d(4, 4, 3, groups=4, bias=False),
        nn.ConvTranspose2d(4, 6, 2, 2),
    ):
        channels = convolution.out_channels
        module = nn.Sequential(convolution, normalised(channels), nn.Hardswish())
        _, rows = compiled(module, IMAGE)
        del rows["copy"]  # in and out of channels-last
        assert sum(rows.values()) == 1, rows


def test_residual_and_activation_after_it() -> None:
    module = Module(lambda c, x: torch.relu(c(x) + x), nn.Conv2d(4, 4, 3, padding=1))
    _, rows = compiled(module, IMAGE)
    assert set(rows) <= {"conv2d", "copy"} and rows["conv2d"] == 1


def test_value_read_twice_is_not_fused_away() -> None:
    def twice(c: nn.Module, x: Tensor) -> Tensor:
        y = c(x)
        return torch.relu(y) + y

    compiled(Module(twice, nn.Conv2d(4, 4, 1)), IMAGE)


def test_padding_moves_into_the_convolution() -> None:
    module = nn.Sequential(nn.ZeroPad2d((1, 2, 0, 3)), nn.Conv2d(4, 5, 3))
    _, rows = compiled(module, IMAGE)
    assert set(rows) <= {"conv2d", "copy"}, rows


def test_constants_are_computed_at_build_time() -> None:
    module = Module(lambda x: x * (torch.arange(7.0).cos() + 1).sqrt())
    _, rows = compiled(module, (torch.randn(3, 7),))
    assert rows == {"mul": 1}


def test_equal_work_is_done_once() -> None:
    module = Module(lambda x: x.exp() + x.exp().sum(1, keepdim=True) + x.clone() * 1)
    _, rows = compiled(module, (torch.randn(3, 7),))
    assert rows["exp"] == 1 and rows["mul"] == 0


def test_permutes_around_channels_last_cost_nothing() -> None:
    """A ConvNeXt block: the norm and the linears see the convolution's own memory."""

    def block(
        conv: nn.Module, norm: nn.Module, one: nn.Module, two: nn.Module, x: Tensor
    ) -> Tensor:
        y = conv(x).permute(0, 2, 3, 1)
        return x + two(nn.functional.gelu(one(norm(y)))).permute(0, 3, 1, 2)

    parts = (
        nn.Conv2d(4, 4, 7, padding=3, groups=4),
        nn.LayerNorm(4),
        nn.Linear(4, 16),
        nn.Linear(16, 4),
    )
    stem = nn.Conv2d(4, 4, 1)
    module = Module(lambda stem, *rest: block(*rest[:-1], stem(rest[-1])), stem, *parts)
    _, rows = compiled(module, IMAGE)
    assert rows["copy"] <= 2, rows  # the input comes in, the output leaves as NCHW


def test_output_takes_the_memory_of_either_operand() -> None:
    """Squeeze and excite: the image that dies is the second operand."""

    def excite(scale: nn.Module, conv: nn.Module, x: Tensor) -> Tensor:
        y = conv(x)
        return conv(scale(y.mean((2, 3), keepdim=True)) * y)

    module = Module(excite, nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3))
    result, _ = compiled(module, IMAGE)
    (product,) = (node for node in result.graph.nodes if node.row.name == "mul")
    image = product.inputs[0]
    assert image is not None and product.output.storage is root(image)
    assert image.shape == product.output.shape
