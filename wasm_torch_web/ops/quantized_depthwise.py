"""Depthwise convolutions of bytes, 0 to 127, with int8 weights, in 16 bits.

The weights of a channel add up to at most 258 in magnitude, so that sums of products fit. What is
left of a sum is a whole number times `factor` / 2^15, rounded half up: weights are rounded to a
scale for which that is exact.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.convolution import GEOMETRY
from wasm_torch_web.ops.integers import BYTES, STEPS
from wasm_torch_web.ops.samples import bytes_of_seven_bits, channels_last, normal
from wasm_torch_web.ops.table import Attributes, Case, Shapes, integer, row, tensor

MOST_MAGNITUDE = 258  # of the weights of a channel: 127 times as much is below 2^15
_ONE = 1 << 15


class Depthwise(NamedTuple):
    """The operands of that name: weight (KH, KW, C); factor and start (C,)."""

    weight: torch.Tensor
    factor: torch.Tensor
    start: torch.Tensor


def packed_depthwise(
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    input: tuple[float, int],
    output: tuple[float, int],
) -> tuple[Depthwise, torch.Tensor] | None:
    """The operands of a weight (KH, KW, C) of floats between bytes of these scales and zeros; with
    the floats that the weight stands for. None where a step of a sum would be more than one of the
    output.

    The least scale of a channel that its magnitudes allow is raised to a multiple of
    output / (2^15 input): then `factor` is whole.
    """
    ratio = output[0] / input[0]
    columns = weight.double().flatten(0, 1)
    magnitude, largest = columns.abs().sum(0), columns.abs().amax(0)
    taps = len(columns)  # each may be rounded up by a half
    least = torch.maximum(magnitude / (MOST_MAGNITUDE - taps / 2), largest / STEPS)
    factor = (least * (_ONE / ratio)).ceil().clamp(min=STEPS)
    if not bool((factor < _ONE).all()):
        return None
    scale = factor * (ratio / _ONE)
    whole = (columns / scale).round().clamp(-STEPS, STEPS)
    offset = torch.zeros_like(scale) if bias is None else bias.double()
    start = (offset / (scale * input[0])).round() - input[1] * whole.sum(0)
    stored = whole.reshape(weight.shape).to(torch.int8)
    limits = torch.iinfo(torch.int16)
    start = start.clamp(limits.min, limits.max).to(torch.int16)
    meant = (whole * scale).reshape(weight.shape).float()
    return Depthwise(stored, factor.to(torch.int16), start), meant


def _static_depthwise_conv2d(
    input: torch.Tensor,
    weight: torch.Tensor,
    factor: torch.Tensor,
    start: torch.Tensor,
    *,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    zero: int,
    output_zero: int,
    low: int,
    high: int,
) -> torch.Tensor:
    top, left, bottom, right = padding if len(padding) == 4 else (*padding, *padding)
    image = F.pad(input.double() - zero, (left, right, top, bottom)) + zero
    kernel = weight.double().permute(2, 0, 1).unsqueeze(1)
    sums = F.conv2d(image, kernel, None, tuple(stride), 0, tuple(dilation), len(kernel))
    limits = torch.iinfo(torch.int16)
    whole = (sums + start.double()[:, None, None]).clamp(limits.min, limits.max)
    y = ((whole * factor.double()[:, None, None] + _ONE / 2) / _ONE).floor() + output_zero
    return y.clamp(low, high).to(torch.uint8)


def _flops(inputs: Shapes, outputs: Shapes, attributes: Attributes) -> Any:
    return 2 * math.prod(outputs[0]) * math.prod(inputs[1][:2])


def _cases() -> Iterator[Case]:
    def case(
        x: torch.Tensor,
        kernel: tuple[int, int],
        input: tuple[float, int] = (0.05, 37),
        **more: Any,
    ) -> Case:
        channels, output = x.shape[1], (0.1, 50)
        weight, bias = normal(*kernel, channels, seed=1), normal(channels, seed=2)
        made = packed_depthwise(weight, bias, input, output)
        assert made is not None
        operands, _ = made
        common = {"zero": input[1], "output_zero": output[1], "low": 0, "high": STEPS}
        return Case((x, *operands), {**common, **more})

    for k in (1, 3, 5, 7):
        for s in (1, 2, 3):
            more = {"stride": (s, s), "padding": (k // 2, k // 2)}
            for shape in ((1, 8, 15, 17), (2, 5, 9, 4), (1, 24, 7, 7), (1, 19, 6, 13)):
                yield case(bytes_of_seven_bits(*shape), (k, k), **more)
                yield case(channels_last(bytes_of_seven_bits(*shape)), (k, k), **more)
    x = bytes_of_seven_bits(1, 16, 14, 15)
    yield case(x, (3, 3), padding=(2, 2), dilation=(2, 2))
    yield case(x, (5, 5), padding=(4, 8), dilation=(2, 4), stride=(2, 1))
    yield case(x, (2, 4), padding=(0, 1, 1, 2), stride=(3, 2))
    yield case(x, (3, 5), padding=(1, 2), low=50, high=97)
    yield case(x, (3, 3), (0.3, 0))
    yield case(x, (3, 3), (1e-4, 127))
    yield case(bytes_of_seven_bits(0, 8, 6, 6), (3, 3))
    yield case(bytes_of_seven_bits(1, 9, 1, 1), (3, 3), padding=(1, 1))
    extreme = torch.full((3, 3, 16), 28, dtype=torch.int8)
    extreme[..., ::2] *= -1
    ends = torch.tensor([-(1 << 15), (1 << 15) - 1], dtype=torch.int16).repeat(8)
    for factor in (1, (1 << 15) - 1):
        operands = (extreme, torch.full((16,), factor, dtype=torch.int16), ends)
        bounds = {"zero": 0, "output_zero": 60, "low": 0, "high": STEPS}
        yield Case((torch.full((1, 16, 9, 9), 127, dtype=torch.uint8), *operands), bounds)


# Images and output are bytes from 0 to 127; `zero` stands for 0 in the input, and is its padding;
# the output is within `low` and `high`.
row(
    "static_depthwise_conv2d",
    inputs=[
        tensor("input", BYTES, "channels_last", "dense"),
        tensor("weight", (torch.int8,)),
        tensor("factor", (torch.int16,)),
        tensor("start", (torch.int16,)),
    ],
    outputs=[tensor("output", BYTES, "channels_last")],
    attributes=[
        *GEOMETRY,
        integer("zero"),
        integer("output_zero"),
        integer("low", 0),
        integer("high", STEPS),
    ],
    reference=_static_depthwise_conv2d,
    flops=_flops,
    cases=_cases,
)
