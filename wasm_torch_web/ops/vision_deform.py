"""torchvision's deformable convolution: a product of columns that are read at offsets.

The reference is a loop over PyTorch's own operators, and gives shapes alone on fake tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch._subclasses.fake_tensor import is_fake

from wasm_torch_web.ops.arguments import in_float32
from wasm_torch_web.ops.samples import normal
from wasm_torch_web.ops.table import Case, integer, integers, lowers, row, tensor
from wasm_torch_web.ops.vision_regions import bilinear_at

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

Tensor = torch.Tensor
WIDE = (torch.float32, torch.float64)


def _deform_columns(
    input: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    kernel_size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    n, channels, _, _ = input.shape
    taps, (height, width) = kernel_size[0] * kernel_size[1], offset.shape[2:]
    if is_fake(input):
        return input.new_empty((n, channels * taps, height * width))
    apart = offset.reshape(n, groups, *kernel_size, 2, height, width)
    at = []
    for axis, size in ((0, height), (1, width)):
        steps = torch.arange(size) * stride[axis] - padding[axis]
        taken = torch.arange(kernel_size[axis]) * dilation[axis]
        place = taken.reshape(-1, *([1] * (3 - axis))) + steps.reshape(-1, *([1] * (1 - axis)))
        at.append(place + apart[:, :, :, :, axis])
    result = input.new_empty((n, groups, channels // groups, *kernel_size, height, width))
    for i in range(n):
        for g in range(groups):
            planes = input[i].reshape(groups, -1, *input.shape[2:])[g]
            result[i, g] = bilinear_at(planes, at[0][i, g], at[1][i, g])
    if mask is not None:
        result = result * mask.reshape(n, groups, 1, *kernel_size, height, width)
    return result.reshape(n, channels * taps, height * width)


def _deform_cases() -> Iterator[Case]:
    for dtype in WIDE:
        for groups, kernel in ((1, (3, 3)), (2, (2, 3))):
            taps = kernel[0] * kernel[1]
            offset = normal(2, 2 * groups * taps, 4, 5, dtype=dtype, seed=1) * 2
            mask = normal(2, groups * taps, 4, 5, dtype=dtype, seed=2)
            how = {"kernel_size": kernel, "stride": (2, 1), "padding": (1, 0), "dilation": (1, 2)}
            x = normal(2, 6, 8, 7, dtype=dtype)
            yield Case((x, offset, mask), {**how, "groups": groups})
            yield Case((x, offset, None), {**how, "groups": groups})


row(
    "deform_columns",
    inputs=[tensor("input", WIDE), tensor("offset", WIDE), tensor("mask", WIDE, optional=True)],
    outputs=[tensor("output", WIDE)],
    attributes=[
        integers("kernel_size"),
        integers("stride"),
        integers("padding"),
        integers("dilation"),
        integer("groups", 1),
    ],
    reference=_deform_columns,
    cases=_deform_cases,
)


@lowers("torchvision.deform_conv2d.default")
@in_float32
def deform_conv2d(b: Builder, a: dict[str, Any]) -> Value:
    """A product of the weight and the pixels that the offsets lead to, group by group."""
    x, weight, groups = a["input"], a["weight"], a["groups"]
    outputs, depth, height, width = weight.shape
    how = {
        "kernel_size": (height, width),
        "stride": (a["stride_h"], a["stride_w"]),
        "padding": (a["pad_h"], a["pad_w"]),
        "dilation": (a["dilation_h"], a["dilation_w"]),
        "groups": a["offset_groups"],
    }
    mask = a["mask"] if a["use_mask"] else None
    columns = b.emit("deform_columns", [x, a["offset"], mask], how)
    n, size, k = x.shape[0], columns.shape[2], depth * height * width

    def reshaped(value: Value, *shape: Any) -> Value:
        result: Value = b.call("aten.reshape.default", self=value, shape=shape)
        return result

    left = reshaped(weight, 1, groups, outputs // groups, k)
    right = reshaped(columns, n, groups, k, size)
    product = b.call("aten.matmul.default", self=left, other=right)
    y = reshaped(product, n, outputs, *a["offset"].shape[2:])
    result: Value = b.call("aten.add.Tensor", self=y, other=reshaped(a["bias"], outputs, 1, 1))
    return result
