"""torchvision's regions of interest: boxes of images, pooled to grids of one size.

Names are torchvision's; nothing here needs it. References are loops over PyTorch's own operators,
and give shapes alone on fake tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch._subclasses.fake_tensor import is_fake

from wasm_torch_web.ops.arguments import cast, in_float32
from wasm_torch_web.ops.samples import normal
from wasm_torch_web.ops.table import Case, flag, integer, lowers, real, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

Tensor = torch.Tensor
WIDE = (torch.float32, torch.float64)
GRID = (real("spatial_scale", 1.0), integer("pooled_height"), integer("pooled_width"))


def bilinear_at(plane: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Bilinear values of (..., height, width) at positions; pixels outside are zeros."""
    low, left = y.floor(), x.floor()
    total = torch.zeros(plane.shape[:-2] + y.shape, dtype=plane.dtype)
    height, width = plane.shape[-2:]
    for v, dv in ((low, 1 - (y - low)), (low + 1, y - low)):
        for u, du in ((left, 1 - (x - left)), (left + 1, x - left)):
            inside = (v >= 0) & (v < height) & (u >= 0) & (u < width)
            i, j = (t.clamp(0, n - 1).nan_to_num(0).long() for t, n in ((v, height), (u, width)))
            total = total + torch.where(inside, dv * du * plane[..., i, j], 0)
    return total


def _aligned_cells(
    image: Tensor,
    box: Tensor,
    sizes: tuple[int, int],
    sampling: int,
    shift: float,
    least: float,
    empty: int,
) -> Tensor:
    """(C, PH, PW): the mean of samples of each cell of the box (x1, y1, x2, y2), which is at least
    `least` wide; the sum of no samples is divided by `empty`."""
    steps, counts, starts = [], [], []
    for axis, n in ((1, sizes[0]), (0, sizes[1])):
        start = box[axis] - shift
        size = (box[axis + 2] - shift - start).clamp(min=least)
        steps.append(size / n)
        counts.append(sampling if sampling > 0 else max(math.ceil(size / n), 0))
        starts.append(start)
    at = []
    for n, step, count, start in zip(sizes, steps, counts, starts, strict=True):
        cell = torch.arange(n, dtype=box.dtype)[:, None] * step
        at.append(start + cell + (torch.arange(count, dtype=box.dtype) + 0.5) * step / count)
    y, x = at[0][:, None, :, None], at[1][None, :, None, :]
    height, width = image.shape[-2:]
    count = counts[0] * counts[1]
    near = (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    shape = near.shape
    y, x = y.clamp(0, height - 1).expand(shape), x.clamp(0, width - 1).expand(shape)
    values = torch.where(near, bilinear_at(image, y, x), 0)
    return values.sum((-1, -2)) / max(count, empty)


def _roi_align(
    input: Tensor,
    boxes: Tensor,
    spatial_scale: float,
    pooled_height: int,
    pooled_width: int,
    sampling_ratio: int,
    aligned: bool,
    by_position: bool,
) -> Tensor:
    sizes = (pooled_height, pooled_width)
    channels = input.shape[1] // (pooled_height * pooled_width) if by_position else input.shape[1]
    result = input.new_zeros((boxes.shape[0], channels, *sizes))
    if is_fake(input):
        return result
    shift = 0.5 if aligned or by_position else 0.0
    least = -math.inf if aligned or by_position else 1.0
    for k, box in enumerate(boxes):
        scaled = box[1:] * spatial_scale
        image, empty = input[int(box[0])], 0 if by_position else 1
        cells = _aligned_cells(image, scaled, sizes, sampling_ratio, shift, least, empty)
        result[k] = _own_channels(cells, sizes) if by_position else cells
    return result


def _own_channels(cells: Tensor, sizes: tuple[int, int]) -> Tensor:
    """Of (C * PH * PW, PH, PW) the channels that belong to each cell: (C, PH, PW)."""
    height, width = sizes
    i, j = torch.arange(height)[:, None], torch.arange(width)
    return cells.reshape(-1, height, width, height, width)[:, i, j, i, j]


def _cells(box: Tensor, sizes: tuple[int, int], image: Tensor, extra: int) -> Iterator[Any]:
    """(i, j, rows, columns) of each cell of a box in whole pixels."""
    spans = []
    for axis, n in ((1, sizes[0]), (0, sizes[1])):
        most = image.shape[-2 if axis == 1 else -1] - (0 if extra else 1)
        start = box[axis].round()
        step = (box[axis + 2].round() - start + extra).clamp(min=1) / n
        cells = torch.arange(n, dtype=box.dtype)
        first = ((cells * step).floor() + start).clamp(0, most).long().tolist()
        last = (((cells + 1) * step).ceil() + start).clamp(0, most).long().tolist()
        spans.append([slice(a, b) for a, b in zip(first, last, strict=True)])
    for i, rows in enumerate(spans[0]):
        for j, columns in enumerate(spans[1]):
            yield i, j, rows, columns


def _roi_pool(
    input: Tensor, boxes: Tensor, spatial_scale: float, pooled_height: int, pooled_width: int
) -> tuple[Tensor, Tensor]:
    sizes = (pooled_height, pooled_width)
    result = input.new_zeros((boxes.shape[0], input.shape[1], *sizes))
    index = torch.full_like(result, -1, dtype=torch.int32)
    if is_fake(input):
        return result, index
    for k, box in enumerate(boxes):
        image = input[int(box[0])]
        for i, j, rows, columns in _cells(box[1:] * spatial_scale, sizes, image, 1):
            part = image[:, rows, columns]
            if part[0].numel() == 0:
                continue
            result[k, :, i, j], at = part.flatten(1).max(1)
            width = part.shape[2]
            index[k, :, i, j] = (
                (rows.start + at // width) * image.shape[2] + columns.start + at % width
            )
    return result, index


def _ps_roi_pool(
    input: Tensor, boxes: Tensor, spatial_scale: float, pooled_height: int, pooled_width: int
) -> Tensor:
    sizes = (pooled_height, pooled_width)
    channels = input.shape[1] // (pooled_height * pooled_width)
    result = input.new_zeros((boxes.shape[0], channels, *sizes))
    if is_fake(input):
        return result
    for k, box in enumerate(boxes):
        image = input[int(box[0])]
        own = image.reshape(channels, *sizes, *image.shape[1:])
        for i, j, rows, columns in _cells(box[1:] * spatial_scale, sizes, image, 0):
            part = own[:, i, j, rows, columns].flatten(1)
            if part.shape[1]:
                result[k, :, i, j] = part.mean(1)
    return result


def _boxes(dtype: torch.dtype) -> Tensor:
    corners = [
        [0, 1.3, 2.1, 6.7, 5.2],
        [1, 0, 0, 8.9, 9.4],
        [1, -3.2, -2.1, 4.4, 30.0],
        [0, 5.5, 5.5, 5.5, 5.5],
        [1, 7.2, 6.1, 3.3, 2.2],
    ]
    return torch.tensor(corners, dtype=dtype)


def _grids() -> Iterator[dict[str, Any]]:
    yield {"spatial_scale": 1.0, "pooled_height": 3, "pooled_width": 2}
    yield {"spatial_scale": 0.5, "pooled_height": 1, "pooled_width": 4}


def _align_cases() -> Iterator[Case]:
    for dtype in WIDE:
        x, boxes = normal(2, 5, 9, 10, dtype=dtype), _boxes(dtype)
        for grid in _grids():
            for sampling in (0, 2):
                for aligned in (False, True):
                    how = {"sampling_ratio": sampling, "aligned": aligned}
                    yield Case((x, boxes), {**grid, **how, "by_position": False})
            cells = grid["pooled_height"] * grid["pooled_width"]
            parts = normal(2, 3 * cells, 9, 10, dtype=dtype)
            how = {"sampling_ratio": 2, "aligned": False, "by_position": True}
            yield Case((parts, boxes), {**grid, **how})
    empty = {"sampling_ratio": 0, "aligned": False, "by_position": False}
    yield Case((x, boxes[:0]), {**next(_grids()), **empty})


def _pool_cases() -> Iterator[Case]:
    for dtype in WIDE:
        for grid in _grids():
            yield Case((normal(2, 5, 9, 10, dtype=dtype), _boxes(dtype)), grid)


def _position_cases() -> Iterator[Case]:
    for dtype in WIDE:
        for grid in _grids():
            channels = 3 * grid["pooled_height"] * grid["pooled_width"]
            yield Case((normal(2, channels, 9, 10, dtype=dtype), _boxes(dtype)), grid)


REGIONS = (tensor("input", WIDE), tensor("boxes", WIDE))

row(
    "roi_align",
    inputs=REGIONS,
    outputs=[tensor("output", WIDE)],
    attributes=[
        *GRID,
        integer("sampling_ratio", 0),
        flag("aligned", False),
        flag("by_position", False),
    ],
    reference=_roi_align,
    cases=_align_cases,
)

row(
    "roi_pool",
    inputs=REGIONS,
    outputs=[tensor("output", WIDE), tensor("argmax", (torch.int32,))],
    attributes=GRID,
    reference=_roi_pool,
    cases=_pool_cases,
)

row(
    "ps_roi_pool",
    inputs=REGIONS,
    outputs=[tensor("output", WIDE)],
    attributes=GRID,
    reference=_ps_roi_pool,
    cases=_position_cases,
)


def _grid_of(a: dict[str, Any]) -> dict[str, Any]:
    return {name: a[name] for name in ("spatial_scale", "pooled_height", "pooled_width")}


@lowers("torchvision.roi_align.default")
@in_float32
def roi_align(b: Builder, a: dict[str, Any]) -> Value:
    """Means of samples in each cell of a grid over each box."""
    how = {**_grid_of(a), "sampling_ratio": a["sampling_ratio"], "aligned": a["aligned"]}
    result: Value = b.emit("roi_align", [a["input"], a["rois"]], how)
    return result


def _in_wide(lowering: Callable[[Builder, dict[str, Any]], Any]) -> Any:
    """Of a lowering that gives values and int32: `in_float32` for the values alone."""

    def wide(b: Builder, a: dict[str, Any]) -> Any:
        dtype = a["input"].dtype
        if dtype in WIDE:
            return lowering(b, a)
        floats = {name: cast(b, a[name], torch.float32) for name in ("input", "rois")}
        values, more = lowering(b, {**a, **floats})
        return cast(b, values, dtype), more

    return wide


@lowers("torchvision.roi_pool.default")
@_in_wide
def roi_pool(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
    """The largest pixel of each cell, and where it is."""
    result: tuple[Value, Value] = b.emit("roi_pool", [a["input"], a["rois"]], _grid_of(a))
    return result


def _channel_mapping(b: Builder, y: Value, a: dict[str, Any]) -> Value:
    """The channel that each number of a position-sensitive result was read from."""
    count, channels, height, width = y.shape
    size = channels * height * width
    line = b.call("aten.arange.start_step", start=0, end=size, step=1, dtype=torch.int32)
    one = b.call("aten.reshape.default", self=line, shape=(1, channels, height, width))
    shared = b.emit("expand", [one], {"size": (count, channels, height, width)})
    result: Value = b.call("aten.clone.default", self=shared)
    return result


@lowers("torchvision.ps_roi_align.default")
@_in_wide
def ps_roi_align(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
    """roi_align of which every cell reads its own channels."""
    how = {**_grid_of(a), "sampling_ratio": a["sampling_ratio"], "by_position": True}
    y: Value = b.emit("roi_align", [a["input"], a["rois"]], how)
    return y, _channel_mapping(b, y, a)


@lowers("torchvision.ps_roi_pool.default")
@_in_wide
def ps_roi_pool(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
    """Means of pixels, of which every cell reads its own channels."""
    y: Value = b.emit("ps_roi_pool", [a["input"], a["rois"]], _grid_of(a))
    return y, _channel_mapping(b, y, a)
