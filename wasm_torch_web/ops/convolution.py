"""Convolutions over channels-last images: dense, grouped, depthwise, transposed.

Weights come with the channels innermost, as the kernels read them; `convolution_lowerings`
rearranges PyTorch's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.epilogue import activation_attributes, activation_cases, finish
from wasm_torch_web.ops.samples import channels_last, corners, normal
from wasm_torch_web.ops.table import (
    F32,
    Attribute,
    Attributes,
    Case,
    Operand,
    Shapes,
    integer,
    integers,
    row,
    tensor,
)

# (height, width); padding may also be (top, left, bottom, right).
GEOMETRY = (integers("stride", (1, 1)), integers("padding", (0, 0)), integers("dilation", (1, 1)))


def _forward_row(
    name: str, input: Operand, weight: Operand, *attributes: Attribute, **rest: Any
) -> None:
    """A row with bias, padding by zeros, residual and activation."""
    row(
        name,
        inputs=[
            input,
            weight,
            tensor("bias", F32, optional=True),
            tensor("residual", F32, "channels_last", optional=True),
        ],
        outputs=[tensor("output", F32, "channels_last")],
        attributes=[*GEOMETRY, *attributes, *activation_attributes()],
        pads_zeros=True,
        **rest,
    )


def _pad(x: torch.Tensor, padding: Sequence[int]) -> torch.Tensor:
    top, left, bottom, right = padding if len(padding) == 4 else (*padding, *padding)
    return F.pad(x, (left, right, top, bottom))


def _conv2d(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    residual: torch.Tensor | None,
    *,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    **epilogue: Any,
) -> torch.Tensor:
    weight = weight.permute(0, 3, 1, 2)
    y = F.conv2d(_pad(input, padding), weight, bias, tuple(stride), 0, tuple(dilation), groups)
    return finish(y, residual, **epilogue)


def conv_flops(inputs: Shapes, outputs: Shapes, attributes: Attributes) -> Any:
    return 2 * math.prod(outputs[0]) * math.prod(inputs[1][1:])


def _case(
    x: tuple[int, ...], weight: tuple[int, ...], o: int, *rest: None, **attributes: Any
) -> Case:
    """A convolution to `o` channels, odd numbers of them with a bias."""
    bias = normal(o, seed=2) if o % 2 else None
    return Case((normal(*x), normal(*weight, seed=1), bias, *rest), attributes)


def grouped_case(*rest: None) -> Callable[..., Case]:
    """What makes a case of a row whose weight is (O, *kernel, I / groups)."""

    def case(
        x: tuple[int, ...], o: int, kernel: tuple[int, ...], groups: int = 1, **attributes: Any
    ) -> Case:
        return _case(x, (o, *kernel, x[1] // groups), o, *rest, groups=groups, **attributes)

    return case


def _conv2d_cases() -> Iterator[Case]:
    case = grouped_case(None)
    yield case((2, 5, 4, 3), 9, (1, 1))
    yield case((1, 16, 5, 5), 15, (1, 1), stride=(2, 2))
    yield case((1, 16, 4, 4), 8, (1, 1), padding=(1, 1))
    yield case((1, 3, 17, 15), 17, (3, 3), stride=(2, 2), padding=(1, 1))
    yield case((2, 3, 12, 13), 8, (4, 4), stride=(4, 4))
    yield case((1, 1, 9, 9), 1, (7, 7), padding=(3, 3))
    yield case((1, 20, 7, 9), 12, (3, 3), padding=(1, 1))
    yield case((2, 20, 7, 9), 11, (3, 5), padding=(0, 4), stride=(1, 2))
    yield case((1, 18, 10, 9), 8, (3, 3), padding=(2, 2), dilation=(2, 2))
    yield case((1, 4, 10, 9), 8, (2, 3), padding=(3, 1), dilation=(3, 1))
    yield case((1, 6, 8, 5), 7, (3, 3), padding=(0, 1, 1, 2), stride=(2, 2))
    yield case((1, 24, 8, 5), 7, (2, 2), padding=(0, 0, 1, 1))
    yield case((1, 12, 6, 6), 16, (3, 3), groups=2, padding=(1, 1))
    yield case((2, 12, 6, 6), 18, (3, 3), groups=3, padding=(1, 1))
    yield case((1, 6, 5, 5), 12, (3, 3), groups=6, padding=(1, 1))
    yield case((2, 16, 7, 9), 16, (3, 3), groups=4, padding=(1, 1))
    yield case((1, 32, 7, 6), 32, (3, 3), groups=4, padding=(1, 1), stride=(2, 2))
    yield case((1, 24, 6, 7), 12, (3, 3), groups=3, padding=(2, 2), dilation=(2, 2))
    yield case((1, 20, 6, 7), 8, (3, 3), padding=(1, 0))
    yield case((2, 9, 5, 4), 24, (1, 1), groups=3)
    yield case((1, 9, 4, 13), 15, (2, 3), groups=3, padding=(0, 1))
    yield case((1, 8, 1, 30), 9, (1, 5), padding=(0, 2), stride=(1, 3))
    yield case((1, 64, 9, 9), 300, (3, 3), padding=(1, 1))
    yield case((0, 4, 5, 5), 3, (3, 3))
    for size, kernel, stride in (((2, 8, 5, 23), 1, 1), ((1, 16, 7, 33), 3, 2)):
        x, weight = channels_last(normal(*size)), normal(12, kernel, kernel, size[1], seed=1)
        yield Case((x, weight, None, None), {"stride": (stride, stride)})
    long, weight = channels_last(normal(1, 2100, 1, 20)), normal(8, 1, 1, 2100, seed=1) / 40
    yield Case((long, weight, None, None))
    yield case((1, 32, 5, 23), 32, (3, 3), groups=4)
    for attributes in activation_cases():
        x, weight = normal(1, 5, 4, 6), normal(11, 3, 3, 5, seed=1) / 4
        residual = channels_last(normal(1, 11, 4, 6, seed=3))
        inputs = (x, weight, normal(11, seed=2), residual)
        yield Case(inputs, {"padding": (1, 1), **attributes})
    x = normal(2, 4, 6, 5).transpose(2, 3)
    yield Case((x, normal(8, 3, 3, 4, seed=1), None, None), {"padding": (1, 1)})
    ones = torch.ones(3, 1, 1, 4)
    yield Case((corners(1, 4, 3, 5), ones, None, None), {"activation": "relu6"})
    # Read where it lies, with taps left out at the borders.
    x, bias = channels_last(normal(2, 40, 7, 6)), normal(22, seed=2)
    for groups, chosen in (
        (1, {"padding": (1, 1)}),
        (1, {"padding": (0, 2, 1, 1), "stride": (2, 1)}),
        (1, {"padding": (4, 3), "dilation": (3, 2)}),
        (2, {"padding": (1, 1)}),
    ):
        weight = normal(22, 3, 3, 40 // groups, seed=1) / 8
        yield Case((x, weight, bias, None), {"groups": groups, **chosen})


_forward_row(
    "conv2d",
    # weight: (O, KH, KW, I / groups).
    tensor("input", F32, "channels_last", "strided"),
    tensor("weight", F32, "panel8", "dense"),
    integer("groups", 1),
    reference=_conv2d,
    flops=conv_flops,
    channels=(0, 1),
    cases=_conv2d_cases,
)


def _depthwise_conv2d(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    residual: torch.Tensor | None,
    **options: Any,
) -> torch.Tensor:
    options["groups"] = weight.shape[2]
    return _conv2d(input, weight.permute(2, 0, 1).unsqueeze(3), bias, residual, **options)


def _depthwise_flops(inputs: Shapes, outputs: Shapes, attributes: Attributes) -> Any:
    return 2 * math.prod(outputs[0]) * math.prod(inputs[1][:2])


def _depthwise_cases() -> Iterator[Case]:
    def case(x: tuple[int, ...], kernel: tuple[int, int], **attributes: Any) -> Case:
        return _case(x, (*kernel, x[1]), x[1], None, **attributes)

    for k in (3, 5, 7):
        for stride in (1, 2):
            attributes = {"stride": (stride, stride), "padding": (k // 2, k // 2)}
            yield case((1, 8, 15, 17), (k, k), **attributes)
            yield case((2, 5, 9, 4), (k, k), **attributes)
            yield case((1, 4, 9, 30), (k, k), stride=(stride, stride))
            yield case((1, 3, 9, 10), (k, k), **attributes)
    yield case((1, 4, 1, 1), (3, 3), padding=(1, 1))
    yield case((1, 1, 5, 5), (3, 3), padding=(1, 1))
    yield case((1, 12, 14, 15), (3, 3), padding=(2, 2), dilation=(2, 2))
    yield case((1, 12, 14, 15), (5, 5), padding=(4, 8), dilation=(2, 4), stride=(2, 1))
    yield case((1, 6, 14, 15), (3, 3), padding=(2, 2), dilation=(2, 2), stride=(2, 2))
    yield case((1, 6, 1, 40), (1, 9), padding=(0, 4))
    yield case((1, 9, 7, 8), (2, 4), padding=(0, 1, 1, 2), stride=(3, 2))
    yield case((1, 7, 8, 8), (3, 3), padding=(0, 0, 1, 1), stride=(2, 2))
    yield case((1, 4, 6, 6), (1, 1))
    yield case((0, 4, 6, 6), (3, 3))
    for attributes in activation_cases():
        residual = channels_last(normal(1, 6, 4, 9, seed=3))
        inputs = (normal(1, 6, 4, 9), normal(3, 3, 6, seed=1), normal(6, seed=2), residual)
        yield Case(inputs, {"padding": (1, 1), **attributes})
    yield Case((corners(1, 4, 3, 5), torch.ones(1, 1, 4), None, None), {"activation": "relu"})


_forward_row(
    "depthwise_conv2d",
    # weight: (KH, KW, C).
    tensor("input", F32, "channels_last"),
    tensor("weight", F32),
    reference=_depthwise_conv2d,
    flops=_depthwise_flops,
    channels=(2, 1),
    cases=_depthwise_cases,
)


def _conv_transpose2d(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    *,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    output_padding: Sequence[int],
    groups: int,
    **epilogue: Any,
) -> torch.Tensor:
    o, height, width, depth = weight.shape
    weight = weight.reshape(groups, o // groups, height, width, depth).permute(0, 4, 1, 2, 3)
    weight = weight.reshape(groups * depth, o // groups, height, width)
    sizes = tuple(stride), tuple(padding), tuple(output_padding), groups, tuple(dilation)
    return finish(F.conv_transpose2d(input, weight, bias, *sizes), None, **epilogue)


def _conv_transpose_flops(inputs: Shapes, outputs: Shapes, attributes: Attributes) -> Any:
    n, _, height, width = inputs[0]
    return 2 * n * height * width * math.prod(inputs[1])


def _conv_transpose_cases() -> Iterator[Case]:
    case = grouped_case()
    yield case((1, 4, 5, 3), 8, (2, 2), stride=(2, 2))
    yield case((2, 5, 4, 4), 7, (3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1))
    yield case((1, 6, 5, 5), 9, (3, 3), padding=(1, 1))
    yield case((1, 6, 5, 9), 9, (4, 4), stride=(2, 2), padding=(1, 1))
    yield case((1, 8, 4, 3), 6, (3, 2), stride=(1, 3), groups=2)
    yield case((1, 4, 5, 5), 4, (4, 4), stride=(2, 2), padding=(1, 1), groups=4)
    yield case((1, 3, 4, 5), 5, (3, 3), stride=(3, 2), dilation=(2, 2), padding=(2, 1))
    yield case((1, 3, 3, 3), 5, (1, 1), stride=(3, 3), output_padding=(2, 1))
    yield case((1, 4, 1, 11), 3, (1, 5), stride=(1, 2), padding=(0, 2), output_padding=(0, 1))
    yield case((1, 64, 6, 6), 300, (3, 3), stride=(2, 2))
    yield case((0, 3, 4, 4), 5, (3, 3))
    yield case((1, 3, 4, 4), 9, (3, 3), activation="leaky_relu", low=0.2)
    yield case((1, 3, 4, 4), 9, (3, 3), activation="relu")


row(
    "conv_transpose2d",
    # weight: (O, KH, KW, I / groups), as for conv2d.
    inputs=[
        tensor("input", F32, "channels_last"),
        tensor("weight", F32, "panel8", "dense"),
        tensor("bias", F32, optional=True),
    ],
    outputs=[tensor("output", F32, "channels_last")],
    attributes=[
        *GEOMETRY,
        integers("output_padding", (0, 0)),
        integer("groups", 1),
        *activation_attributes(),
    ],
    reference=_conv_transpose2d,
    flops=_conv_transpose_flops,
    channels=(0, 1),
    cases=_conv_transpose_cases,
)
