"""Convolutions with int8 weights: of images that become bytes in the run, and of bytes of 7 or 8
bits.

A weight is (O, KH, KW, I), its kernel rows packed as one run each where the kernel is not dilated
along its width; csrc/kernels/int8_image.h.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.convolution import GEOMETRY
from wasm_torch_web.ops.epilogue import activation_attributes, activation_cases, finish
from wasm_torch_web.ops.integers import (
    BYTES,
    NO_ACTIVATION,
    Packed,
    end_static,
    pack,
    packed,
    packed_operands,
    padded,
    quantize_over,
    static_attributes,
    unpack,
)
from wasm_torch_web.ops.samples import bytes_of_seven_bits, channels_last, corners, normal, numbers
from wasm_torch_web.ops.table import F32, Attributes, Case, Shapes, integer, integers, row, tensor


def packed_kernel(
    weight: torch.Tensor, bias: torch.Tensor | None, dilation: Sequence[int] = (1, 1)
) -> Packed:
    """The operands of a weight (O, KH, KW, I) of floats."""
    return packed(by_taps(weight, dilation), bias)


def by_taps(weight: torch.Tensor, dilation: Sequence[int]) -> torch.Tensor:
    """(O, KH, KW, I) as rows of taps."""
    o, height, width, channels = weight.shape
    taps = (height, 1, width * channels) if _runs(width, dilation) else (height, width, channels)
    return weight.reshape(o, taps[0] * taps[1], taps[2])


def _runs(width: int, dilation: Sequence[int]) -> bool:
    """Whether a kernel row is one run of bytes."""
    return width == 1 or dilation[1] == 1


def _sums(
    q: torch.Tensor,
    zero: torch.Tensor | int,
    weight: torch.Tensor,
    sums: torch.Tensor,
    *,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> torch.Tensor:
    """Of (q - zero) times the weights, which padding does not change: whole numbers, as float32;
    (N, OH, OW, columns of all panels)."""
    channels = q.shape[1]
    depth = channels * (kernel[1] if _runs(kernel[1], dilation) else 1)
    matrix = unpack(weight)[..., :depth].double()
    matrix = matrix.reshape(len(matrix), *kernel, channels).permute(0, 3, 1, 2)
    top, left, bottom, right = padding if len(padding) == 4 else (*padding, *padding)
    image = F.pad(q.double() - zero, (left, right, top, bottom))
    whole = F.conv2d(image, matrix, None, tuple(stride), 0, tuple(dilation))
    return whole.float().permute(0, 2, 3, 1)


def _parted(attributes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What `_sums` takes, and the rest."""
    window = {name: attributes.pop(name) for name in ("kernel", "stride", "padding", "dilation")}
    return window, attributes


def _quantized_conv2d(
    input: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor,
    sums: torch.Tensor,
    bias: torch.Tensor,
    residual: torch.Tensor | None,
    columns: int,
    **attributes: Any,
) -> torch.Tensor:
    q, image_scale, zero = quantize_over(input, (1, 2, 3))
    operands = (weight, scale, sums, bias, residual)
    return _integer_conv2d(q, *operands, image_scale, zero, columns, **attributes)


def _static_conv2d(
    input: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor,
    sums: torch.Tensor,
    bias: torch.Tensor,
    residual: torch.Tensor | None,
    columns: int,
    zero: int,
    **attributes: Any,
) -> torch.Tensor:
    window, end = _parted(attributes)
    y = _sums(input, zero, weight, sums, **window) * scale + bias
    return end_static(y[..., :columns].permute(0, 3, 1, 2), residual, **end)


def _integer_conv2d(
    input: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor,
    sums: torch.Tensor,
    bias: torch.Tensor,
    residual: torch.Tensor | None,
    image_scale: torch.Tensor,
    image_zero: torch.Tensor,
    columns: int,
    **attributes: Any,
) -> torch.Tensor:
    window, epilogue = _parted(attributes)
    y = _sums(input, image_zero.double(), weight, sums, **window) * (image_scale * scale) + bias
    return finish(y[..., :columns].permute(0, 3, 1, 2), residual, **epilogue)


def _flops(inputs: Shapes, outputs: Shapes, attributes: Attributes) -> Any:
    return 2 * math.prod(outputs[0]) * math.prod(attributes["kernel"]) * inputs[0][1]


def _geometries() -> Iterator[tuple[tuple[int, ...], int, dict[str, Any]]]:
    """Sizes of images, output channels, and attributes."""

    def one(
        x: tuple[int, ...], o: int, kernel: tuple[int, int], **attributes: Any
    ) -> tuple[tuple[int, ...], int, dict[str, Any]]:
        return x, o, {"kernel": kernel, **attributes}

    yield one((2, 5, 4, 3), 9, (1, 1))
    yield one((1, 16, 5, 5), 15, (1, 1), stride=(2, 2))
    yield one((1, 16, 4, 4), 8, (1, 1), padding=(1, 1))
    yield one((2, 16, 3, 5), 24, (1, 1))
    yield one((1, 3, 17, 15), 17, (3, 3), stride=(2, 2), padding=(1, 1))
    yield one((2, 3, 12, 13), 8, (4, 4), stride=(4, 4))
    yield one((1, 1, 9, 9), 1, (7, 7), padding=(3, 3))
    yield one((3, 20, 7, 9), 12, (3, 3), padding=(1, 1))
    yield one((2, 20, 7, 9), 11, (3, 5), padding=(0, 4), stride=(1, 2))
    yield one((1, 18, 10, 9), 8, (3, 3), padding=(2, 2), dilation=(2, 2))
    yield one((1, 4, 10, 9), 8, (2, 3), padding=(3, 1), dilation=(3, 1))
    yield one((1, 8, 10, 9), 8, (3, 1), padding=(1, 0), dilation=(1, 2))
    yield one((1, 6, 8, 5), 7, (3, 3), padding=(0, 1, 1, 2), stride=(2, 2))
    yield one((1, 24, 8, 5), 7, (2, 2), padding=(0, 0, 1, 1))
    yield one((1, 8, 1, 30), 9, (1, 5), padding=(0, 2), stride=(1, 3))
    yield one((0, 4, 6, 6), 8, (3, 3), padding=(1, 1))
    yield one((1, 3, 4, 300), 5, (3, 3), padding=(1, 1))


def _cases() -> Iterator[Case]:
    def case(
        x: torch.Tensor, o: int, attributes: dict[str, Any], residual: torch.Tensor | None = None
    ) -> Case:
        weight = normal(o, *attributes["kernel"], x.shape[1], seed=1)
        operands = packed_kernel(weight, normal(o, seed=2), attributes.get("dilation", (1, 1)))
        return Case((x, *operands, residual), {**NO_ACTIVATION, "columns": o, **attributes})

    for shape, o, attributes in _geometries():
        yield case(normal(*shape), o, attributes)
        yield case(channels_last(normal(*shape)), o, attributes)
    for epilogue in activation_cases():
        residual = channels_last(normal(1, 11, 4, 6, seed=3))
        attributes = {"kernel": (3, 3), "padding": (1, 1), **epilogue}
        yield case(normal(1, 5, 4, 6), 11, attributes, residual)
    x = torch.cat([torch.zeros(1, 6, 4, 4), normal(1, 6, 4, 4) * 1e30, corners(1, 6, 4, 4)])
    yield case(x, 5, {"kernel": (3, 3), "padding": (1, 1)})
    yield case(normal(2, 4, 6, 5).transpose(2, 3), 8, {"kernel": (3, 3), "padding": (1, 1)})


def _static_cases() -> Iterator[Case]:
    def case(
        x: torch.Tensor, o: int, attributes: dict[str, Any], residual: torch.Tensor | None = None
    ) -> Iterator[Case]:
        kernel = attributes["kernel"]
        weight = normal(o, *kernel, x.shape[1], seed=1)
        offset = normal(o, seed=2) + 60
        operands = packed_kernel(weight, offset, attributes.get("dilation", (1, 1)))
        depth = math.prod(kernel) * x.shape[1]
        operands = operands._replace(scale=operands.scale / (2 + depth**0.5))
        common = {"columns": o, "zero": 37, "residual_scale": 0.75, **NO_ACTIVATION, **attributes}
        for dtype in (torch.uint8, torch.float32):
            yield Case((x, *operands, residual), {**common, "dtype": dtype})

    for shape, o, attributes in _geometries():
        yield from case(bytes_of_seven_bits(*shape), o, attributes)
        yield from case(channels_last(bytes_of_seven_bits(*shape)), o, attributes)
    residual = channels_last(bytes_of_seven_bits(1, 11, 4, 6, seed=3))
    for low, high in ((40.0, math.inf), (-math.inf, 70.0), (0.0, 88.0)):
        bounds = {"activation": "clamp", "low": low, "high": high}
        attributes = {"kernel": (3, 3), "padding": (1, 1), **bounds}
        yield from case(bytes_of_seven_bits(1, 8, 4, 6), 11, attributes, residual)
    for epilogue in activation_cases():
        attributes = {"kernel": (2, 2), "zero": 0, **epilogue}
        yield list(case(bytes_of_seven_bits(1, 8, 3, 3), 11, attributes))[1]


def _integer_cases() -> Iterator[Case]:
    def case(
        x: torch.Tensor, o: int, attributes: dict[str, Any], residual: torch.Tensor | None = None
    ) -> Case:
        weight = numbers(o, *attributes["kernel"], x.shape[1], below=256, seed=1).sub(128)
        matrix = by_taps(weight.to(torch.int8), attributes.get("dilation", (1, 1)))
        operands = Packed(
            pack(matrix),
            padded(normal(o, seed=4).abs() / 128),
            padded(matrix.flatten(1).sum(1, dtype=torch.int32)),
            padded(normal(o, seed=2)),
        )
        zero = 101.0 if x.dtype == torch.uint8 else -77.0
        image = (torch.tensor(1 / 48), torch.tensor([zero]))
        common = {**NO_ACTIVATION, "columns": o}
        return Case((x, *operands, residual, *image), {**common, **attributes})

    for i, (shape, o, attributes) in enumerate(_geometries()):
        x = numbers(*shape, below=256, seed=7)
        x = x.to(torch.uint8) if i % 2 else x.sub(128).to(torch.int8)
        yield case(x, o, attributes)
        yield case(channels_last(x), o, attributes)
    for epilogue in activation_cases():
        residual = channels_last(normal(1, 11, 4, 6, seed=3))
        attributes = {"kernel": (3, 3), "padding": (1, 1), **epilogue}
        yield case(numbers(1, 5, 4, 6, below=256).to(torch.uint8), 11, attributes, residual)


def _row(
    name: str,
    input: Any,
    residual: Any,
    output: Any,
    *attributes: Any,
    more: Sequence[Any] = (),
    **rest: Any,
) -> None:
    row(
        name,
        inputs=[input, *packed_operands(), residual, *more],
        outputs=[output],
        attributes=[integer("columns"), integers("kernel"), *GEOMETRY, *attributes],
        flops=_flops,
        **rest,
    )


_row(
    "quantized_conv2d",
    tensor("input", F32, "channels_last", "dense"),
    tensor("residual", F32, "channels_last", optional=True),
    tensor("output", F32, "channels_last"),
    *activation_attributes(),
    reference=_quantized_conv2d,
    cases=_cases,
)
_row(
    "static_conv2d",
    tensor("input", BYTES, "channels_last", "dense"),
    tensor("residual", BYTES, "channels_last", optional=True),
    tensor("output", BYTES + F32, "channels_last"),
    *static_attributes(),
    reference=_static_conv2d,
    cases=_static_cases,
)
# Bytes with all their 8 bits, image_zero among them: whole numbers in float32, one for the images.
_row(
    "integer_conv2d",
    tensor("input", (torch.int8, torch.uint8), "channels_last", "dense"),
    tensor("residual", F32, "channels_last", optional=True),
    tensor("output", F32, "channels_last"),
    *activation_attributes(),
    more=[tensor("image_scale", F32), tensor("image_zero", F32)],
    reference=_integer_conv2d,
    cases=_integer_cases,
)
