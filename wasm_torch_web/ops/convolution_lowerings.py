"""aten.convolution: images, volumes, and what is left to `conv_nd`.

One-dimensional convolutions are images of height 1. A transposed or depthwise volume is one of
images too: each of its planes is one, and what planes add to each other along the depth is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import each, in_float32, in_shape
from wasm_torch_web.ops.convolution_volume import ANY
from wasm_torch_web.ops.table import lowers

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

Geometry = dict[str, tuple[Any, ...]]
NEUTRAL = {"stride": 1, "padding": 0, "dilation": 1, "output_padding": 0}


@lowers("aten.convolution.default")
@in_float32
def convolution(b: Builder, a: dict[str, Any]) -> Any:
    """Images and volumes in float32 have rows of their own; the rest goes tap by tap."""
    x = a["input"]
    n = x.rank - 2
    sizes = {name: each(a[name], n) for name in NEUTRAL}
    if x.dtype == torch.float32 and n == 1:
        return _line(b, a, sizes)
    if x.dtype == torch.float32 and n == 2:
        return _image(b, x, a, sizes)
    if x.dtype == torch.float32 and (not a["transposed"] or sizes["dilation"][0] == 1):
        return _volume(b, a, sizes)
    if x.dtype not in ANY:
        return None
    how = {**sizes, "transposed": a["transposed"], "groups": a["groups"]}
    return b.emit("conv_nd", [x, a["weight"], a["bias"]], how)


def _line(b: Builder, a: dict[str, Any], sizes: Geometry) -> Any:
    x, weight = (b.emit("unsqueeze", [a[name]], {"dim": 2}) for name in ("input", "weight"))
    flat = {name: (NEUTRAL[name], *size) for name, size in sizes.items()}
    return b.emit("squeeze", [_image(b, x, {**a, "weight": weight}, flat)], {"dim": (2,)})


def _is_depthwise(weight: Value, groups: int) -> bool:
    return groups > 1 and weight.shape[0] == groups and weight.shape[1] == 1


def _image(b: Builder, x: Value, a: dict[str, Any], sizes: Geometry) -> Value:
    """x (N, C, H, W), whatever `input` is."""
    weight, bias, groups = a["weight"], a["bias"], a["groups"]
    forward = {name: sizes[name] for name in ("stride", "padding", "dilation")}
    result: Value
    if a["transposed"]:
        rearranged = _forward_weight(b, weight, groups)
        how = {**sizes, "groups": groups}
        result = b.emit("conv_transpose2d", [x, rearranged, bias], how)
    elif _is_depthwise(weight, groups):
        single = b.emit("permute", [weight], {"dims": (2, 3, 0, 1)})
        single = b.emit("squeeze", [single], {"dim": (3,)})
        result = b.emit("depthwise_conv2d", [x, single, bias, None], forward)
    else:
        rearranged = b.emit("permute", [weight], {"dims": (0, 2, 3, 1)})
        result = b.emit("conv2d", [x, rearranged, bias, None], {**forward, "groups": groups})
    return result


def _forward_weight(b: Builder, weight: Value, groups: int) -> Value:
    """A transposed convolution's weight (I, O / groups, KH, KW) as (O, KH, KW, I / groups)."""
    i, o, height, width = weight.shape
    apart = b.emit("reshape", [weight], {"size": (groups, i // groups, o, height, width)})
    turned = b.emit("permute", [apart], {"dims": (0, 2, 3, 4, 1)})
    size = (groups * o, height, width, i // groups)
    result: Value = b.emit("reshape", [turned], {"size": size})
    return result


FEW_CHANNELS = 16  # as in conv2d.cc: a kernel row is one run where the rows have no padding


def _volume(b: Builder, a: dict[str, Any], sizes: Geometry) -> Any:
    x, weight, padding = a["input"], a["weight"], sizes["padding"]
    if a["transposed"]:
        return _transposed_volume(b, a, sizes)
    if _is_depthwise(weight, a["groups"]):
        return _depthwise_volume(b, a, sizes)
    rearranged = b.emit("permute", [weight], {"dims": (0, 2, 3, 4, 1)})
    if x.shape[1] < FEW_CHANNELS and padding[2] != 0:
        x = b.call("aten.constant_pad_nd.default", self=x, pad=(padding[2],) * 2, value=0)
        padding = (*padding[:2], 0)
    how = {"stride": sizes["stride"], "padding": padding, "dilation": sizes["dilation"]}
    return b.emit("conv3d", [x, rearranged, a["bias"], None], {**how, "groups": a["groups"]})


def _planes(b: Builder, x: Value) -> Value:
    """(N, C, D, H, W) as images (N D, C, H, W)."""
    n, c, depth, height, width = x.shape
    turned = b.emit("permute", [x], {"dims": (0, 2, 1, 3, 4)})
    return in_shape(b, turned, (n * depth, c, height, width))


def _padded_depth(b: Builder, x: Value, before: Any, after: Any) -> Value:
    """Zeros around axis -3; negative numbers cut."""
    if before == 0 and after == 0:
        return x
    pad = (0, 0, 0, 0, before, after)
    result: Value = b.call("aten.constant_pad_nd.default", self=x, pad=pad, value=0)
    return result


def _depthwise_volume(b: Builder, a: dict[str, Any], sizes: Geometry) -> Value:
    """A sum over the kernel's planes, which each see planes of the volume as images."""
    (step, _, _), (pad, _, _), (apart, _, _) = (
        sizes[name] for name in ("stride", "padding", "dilation")
    )
    x, kernel = _padded_depth(b, a["input"], pad, pad), a["weight"]
    n, channels, depth, planes = *x.shape[:3], kernel.shape[2]
    out = (depth - apart * (planes - 1) - 1) // step + 1
    flat = {name: sizes[name][1:] for name in ("stride", "padding", "dilation")}
    weights = b.emit("permute", [kernel], {"dims": (2, 3, 4, 0, 1)})
    weights = b.emit("squeeze", [weights], {"dim": (4,)})  # (KD, KH, KW, C)
    y: Value | None = None
    for k in range(planes):
        first = k * apart
        bounds = {"dim": 2, "start": first, "end": first + (out - 1) * step + 1, "step": step}
        images = _planes(b, b.emit("slice", [x], bounds))
        plane = b.emit("select", [weights], {"dim": 0, "index": k})
        bias = a["bias"] if k == 0 else None
        y = b.emit("depthwise_conv2d", [images, plane, bias, y], flat)
    assert y is not None
    volume = b.emit("reshape", [y], {"size": (n, out, channels, *y.shape[2:])})
    result: Value = b.emit("permute", [volume], {"dims": (0, 2, 1, 3, 4)})
    return result


def _transposed_volume(b: Builder, a: dict[str, Any], sizes: Geometry) -> Value:
    """Planes of a kernel are channels of images: plane j * stride + r of the kernel adds input
    plane d to output plane (d + j) * stride + r."""
    x, weight = a["input"], a["weight"]
    (step, _, _), (pad, _, _), (more, _, _) = (
        sizes[name] for name in ("stride", "padding", "output_padding")
    )
    n, depth, (i, o, planes, *rest) = x.shape[0], x.shape[2], weight.shape
    overlaps = -(-planes // step)
    weight = _padded_depth(b, weight, 0, overlaps * step - planes)
    weight = b.emit("reshape", [weight], {"size": (i, o * overlaps * step, *rest)})
    flat = {name: size[1:] for name, size in sizes.items()}
    images = _image(b, _planes(b, x), {**a, "weight": weight, "bias": None}, flat)
    o, height, width = o * a["groups"], *images.shape[2:]
    apart = (n, depth, o, overlaps, step, height * width)
    parts = b.emit("reshape", [images], {"size": apart})
    total: Value | None = None
    for j in range(overlaps):
        part = b.emit("select", [parts], {"dim": 3, "index": j})  # (N, D, O, stride, H W)
        part = b.emit("permute", [part], {"dims": (0, 2, 1, 3, 4)})
        part = _padded_depth(b, part, j, overlaps - 1 - j)
        total = part if total is None else b.call("aten.add.Tensor", self=total, other=part)
    assert total is not None
    size = (n, o, (depth + overlaps - 1) * step, height, width)
    y = b.emit("reshape", [total], {"size": size})
    y = _padded_depth(b, y, -pad, planes + more - pad - overlaps * step)
    if a["bias"] is None:
        return y
    result: Value = b.call("aten.add.Tensor", self=y, other=in_shape(b, a["bias"], (o, 1, 1, 1)))
    return result
