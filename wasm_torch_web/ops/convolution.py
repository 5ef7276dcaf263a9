"""Convolutions over channels-last images and volumes: dense, grouped, depthwise, transposed.

Weights come with the channels innermost, as the kernels read them; the lowering rearranges
PyTorch's. One-dimensional convolutions are images of height 1. `conv_nd` does all the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.arguments import each, in_float32, pair
from wasm_torch_web.ops.epilogue import activation_attributes, activation_cases, finish
from wasm_torch_web.ops.samples import channels_last, corners, normal
from wasm_torch_web.ops.table import (
    F32,
    Attribute,
    Attributes,
    Case,
    Operand,
    Shapes,
    flag,
    integer,
    integers,
    lowers,
    row,
    tensor,
)

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

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


def _conv_flops(inputs: Shapes, outputs: Shapes, attributes: Attributes) -> Any:
    return 2 * math.prod(outputs[0]) * math.prod(inputs[1][1:])


def _case(
    x: tuple[int, ...], weight: tuple[int, ...], o: int, *rest: None, **attributes: Any
) -> Case:
    """A convolution to `o` channels, odd numbers of them with a bias."""
    bias = normal(o, seed=2) if o % 2 else None
    return Case((normal(*x), normal(*weight, seed=1), bias, *rest), attributes)


def _grouped_case(*rest: None) -> Callable[..., Case]:
    """What makes a case of a row whose weight is (O, *kernel, I / groups)."""

    def case(
        x: tuple[int, ...], o: int, kernel: tuple[int, ...], groups: int = 1, **attributes: Any
    ) -> Case:
        return _case(x, (o, *kernel, x[1] // groups), o, *rest, groups=groups, **attributes)

    return case


def _conv2d_cases() -> Iterator[Case]:
    case = _grouped_case(None)
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


_forward_row(
    "conv2d",
    # weight: (O, KH, KW, I / groups).
    tensor("input", F32, "channels_last", "strided"),
    tensor("weight", F32, "panel8", "dense"),
    integer("groups", 1),
    reference=_conv2d,
    flops=_conv_flops,
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
    case = _grouped_case()
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


def _conv3d(
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
    residual: torch.Tensor | None,
    *,
    groups: int,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    **epilogue: Any,
) -> torch.Tensor:
    weight = weight.permute(0, 4, 1, 2, 3)
    y = F.conv3d(input, weight, bias, stride, padding, dilation, groups)
    return finish(y, residual, **epilogue)


def _conv3d_cases() -> Iterator[Case]:
    case = _grouped_case(None)
    yield case((2, 5, 3, 4, 3), 9, (1, 1, 1))
    yield case((1, 16, 4, 5, 5), 15, (3, 3, 3), padding=(1, 1, 1))
    yield case((1, 3, 5, 9, 9), 17, (3, 5, 5), stride=(1, 2, 2), padding=(1, 2, 0))
    yield case((1, 20, 5, 6, 7), 8, (1, 3, 3), padding=(0, 1, 1), stride=(2, 1, 2))
    yield case((2, 6, 7, 6, 5), 11, (3, 1, 1), padding=(2, 0, 0), dilation=(2, 1, 1))
    yield case((1, 4, 5, 8, 9), 7, (2, 3, 3), padding=(1, 2, 2), dilation=(1, 2, 2))
    yield case((1, 12, 4, 5, 5), 18, (3, 3, 3), groups=3, padding=(1, 1, 1))
    yield case((1, 64, 3, 5, 5), 40, (3, 3, 3), padding=(1, 1, 1))
    yield case((0, 4, 3, 5, 5), 3, (3, 3, 3))
    for attributes in activation_cases():
        x, weight = normal(1, 5, 3, 4, 6), normal(11, 1, 3, 3, 5, seed=1) / 4
        residual = normal(1, 11, 3, 4, 6, seed=3)
        inputs = (x, weight, normal(11, seed=2), residual)
        yield Case(inputs, {"padding": (0, 1, 1), **attributes})
    ones = torch.ones(3, 1, 1, 1, 4)
    yield Case((corners(1, 4, 2, 3, 5), ones, None, None), {"activation": "relu6"})


def _volume(name: str, default: int) -> Attribute:
    return integers(name, (default,) * 3)


row(
    "conv3d",
    # weight: (O, KD, KH, KW, I / groups).
    inputs=[
        tensor("input", F32, "channels_last"),
        tensor("weight", F32, "panel8", "dense"),
        tensor("bias", F32, optional=True),
        tensor("residual", F32, "channels_last", optional=True),
    ],
    outputs=[tensor("output", F32, "channels_last")],
    attributes=[
        _volume("stride", 1),
        _volume("padding", 0),
        _volume("dilation", 1),
        integer("groups", 1),
        *activation_attributes(),
    ],
    reference=_conv3d,
    flops=_conv_flops,
    channels=(0, 1),
    cases=_conv3d_cases,
)

ANY = (torch.float32, torch.float64, torch.int64)


def _conv_nd(
    input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, *, groups: int, **how: Any
) -> torch.Tensor:
    axes = (how[name] for name in ("stride", "padding", "dilation"))
    more = how["output_padding"]
    result: torch.Tensor = torch.ops.aten.convolution(
        input, weight, bias, *axes, how["transposed"], more, groups
    )
    return result


def _nd_cases() -> Iterator[Case]:
    def case(
        x: tuple[int, ...], o: int, kernel: tuple[int, ...], dtype: torch.dtype, **how: Any
    ) -> Case:
        n, groups = len(kernel), how.setdefault("groups", 1)
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1)):
            how.setdefault(name, (default,) * n)
        how.setdefault("output_padding", (0,) * n)
        i = x[1]
        turned = how.setdefault("transposed", False)
        shape = (i, o // groups, *kernel) if turned else (o, i // groups, *kernel)
        bias = normal(o, seed=2, dtype=dtype) if o % 2 else None
        return Case((normal(*x, dtype=dtype), normal(*shape, seed=1, dtype=dtype), bias), how)

    for t in ANY:
        yield case((2, 4, 9), 5, (3,), t, stride=(2,), padding=(1,))
        yield case((1, 3, 7, 8), 6, (3, 2), t, padding=(2, 1), dilation=(2, 1), groups=3)
        yield case((1, 4, 4, 5, 6), 7, (2, 3, 3), t, stride=(1, 2, 1), padding=(1, 1, 2))
        yield case((2, 4, 7), 3, (4,), t, transposed=True, stride=(3,), output_padding=(2,))
        yield case((1, 4, 4, 5), 6, (3, 2), t, transposed=True, padding=(2, 1), groups=2)
        yield case(
            (1, 3, 3, 4, 3),
            5,
            (2, 3, 3),
            t,
            transposed=True,
            stride=(2, 1, 3),
            padding=(0, 3, 1),
            dilation=(1, 2, 1),
            output_padding=(1, 0, 2),
        )
        yield case((0, 3, 4), 3, (2,), t)
    yield Case(
        (corners(1, 1, 2, 3, 7), torch.ones(1, 1, 1, 1, 1), None),
        {
            "stride": (1, 1, 1),
            "padding": (0, 0, 0),
            "dilation": (1, 1, 1),
            "output_padding": (0, 0, 0),
        },
    )


# One to three axes and PyTorch's own weights: what has no faster row.
row(
    "conv_nd",
    inputs=[tensor("input", ANY), tensor("weight", ANY), tensor("bias", ANY, optional=True)],
    outputs=[tensor("output", ANY)],
    attributes=[
        integers("stride"),
        integers("padding"),
        integers("dilation"),
        integers("output_padding"),
        flag("transposed", False),
        integer("groups", 1),
    ],
    reference=_conv_nd,
    cases=_nd_cases,
)


def _two(sizes: Sequence[Any], rank: int, neutral: int) -> tuple[Any, Any]:
    """(height, width) of a size that PyTorch gives for each axis, or once for all."""
    return (neutral, sizes[0]) if rank == 3 else pair(sizes)


def _permuted_weight(b: Builder, weight: Value, groups: int, transposed: bool) -> Any:
    """PyTorch's weight as (O, KH, KW, I / groups)."""
    if not transposed:
        return b.emit("permute", [weight], {"dims": (0, 2, 3, 1)})
    i, o, height, width = weight.shape
    apart = b.emit("reshape", [weight], {"size": (groups, i // groups, o, height, width)})
    turned = b.emit("permute", [apart], {"dims": (0, 2, 3, 4, 1)})
    return b.emit("reshape", [turned], {"size": (groups * o, height, width, i // groups)})


@lowers("aten.convolution.default")
@in_float32
def convolution(b: Builder, a: dict[str, Any]) -> Any:
    """Images in float32 (1-D are of height 1) have rows of their own, volumes where groups are
    wide; the rest goes tap by tap."""
    x, weight, bias, groups = a["input"], a["weight"], a["bias"], a["groups"]
    rank = x.rank
    if x.dtype == torch.float32 and rank == 5 and not a["transposed"] and _wide(weight, groups):
        return _emit_volume(b, a)
    if x.dtype != torch.float32 or rank not in (3, 4):
        return _emit_any(b, a)
    sizes = {
        "stride": _two(a["stride"], rank, 1),
        "padding": _two(a["padding"], rank, 0),
        "dilation": _two(a["dilation"], rank, 1),
    }
    if rank == 3:
        x, weight = (b.emit("unsqueeze", [t], {"dim": 2}) for t in (x, weight))
    y = _emit(b, x, weight, bias, groups, sizes, a)
    return b.emit("squeeze", [y], {"dim": (2,)}) if rank == 3 else y


def _wide(weight: Value, groups: int) -> bool:
    """Whether the groups fill the panels of a matrix product."""
    return groups == 1 or weight.shape[0] >= 4 * groups


FEW_CHANNELS = 16  # as in conv2d.cc: a kernel row is one run where the rows have no padding


def _emit_volume(b: Builder, a: dict[str, Any]) -> Any:
    x, padding = a["input"], each(a["padding"], 3)
    rearranged = b.emit("permute", [a["weight"]], {"dims": (0, 2, 3, 4, 1)})
    if x.shape[1] < FEW_CHANNELS and padding[2] != 0:
        x = b.call("aten.constant_pad_nd.default", self=x, pad=(padding[2],) * 2, value=0)
        padding = (*padding[:2], 0)
    sizes = {
        "stride": each(a["stride"], 3),
        "padding": padding,
        "dilation": each(a["dilation"], 3),
        "groups": a["groups"],
    }
    return b.emit("conv3d", [x, rearranged, a["bias"], None], sizes)


def _emit_any(b: Builder, a: dict[str, Any]) -> Any:
    if a["input"].dtype not in ANY:
        return None
    n = a["input"].rank - 2
    names = ("stride", "padding", "dilation", "output_padding")
    sizes = {name: each(a[name], n) for name in names}
    how = {**sizes, "transposed": a["transposed"], "groups": a["groups"]}
    return b.emit("conv_nd", [a["input"], a["weight"], a["bias"]], how)


def _emit(
    b: Builder,
    x: Value,
    weight: Value,
    bias: Value | None,
    groups: int,
    sizes: dict[str, Any],
    a: dict[str, Any],
) -> Any:
    if a["transposed"]:
        sizes["output_padding"] = _two(a["output_padding"], len(a["input"].shape), 0)
        rearranged = _permuted_weight(b, weight, groups, True)
        return b.emit("conv_transpose2d", [x, rearranged, bias], {**sizes, "groups": groups})
    if groups > 1 and weight.shape[0] == groups and weight.shape[1] == 1:
        single = b.emit("permute", [weight], {"dims": (2, 3, 0, 1)})
        single = b.emit("squeeze", [single], {"dim": (3,)})
        return b.emit("depthwise_conv2d", [x, single, bias, None], sizes)
    rearranged = _permuted_weight(b, weight, groups, False)
    return b.emit("conv2d", [x, rearranged, bias, None], {**sizes, "groups": groups})
