"""Joins a 1x1 convolution that expands an image with the depthwise convolution that reads it."""

from __future__ import annotations

import math

import torch

from wasm_torch_web.ir import Node
from wasm_torch_web.passes.fuse.pattern import Reads, pattern

# Bytes of an image that does not stay in the second-level cache, and of a band that does.
LARGE_IMAGE = 1 << 20
LARGE_BAND = 768 << 10
# More rows gain nothing, and leave threads without a band.
MAX_ROWS = 8
# Rows at a band's edge are computed twice. In Chromium a float of the image that stays in the
# cache saves the time of ten multiply-adds.
PRODUCTS_PER_FLOAT = 10


@pattern
def fuse_expansion(node: Node, reads: Reads) -> Node | None:
    """Both become one row, which computes the expanded image by bands, where that is faster."""
    if node.row.name != "depthwise_conv2d" or node.inputs[3] is not None:
        return None
    expand = reads.sole(node.inputs[0])
    if expand is None or not _is_plain(expand) or _epilogue(expand) != _epilogue(node):
        return None
    rows = _rows(node, expand)
    if rows == 0:
        return None
    inputs = [*expand.inputs[:3], *node.inputs[1:3]]
    return reads.become(node, "expand_depthwise_conv2d", inputs, rows=rows, **node.attributes)


def _is_plain(node: Node) -> bool:
    """Whether it is a 1x1 convolution, a product for each pixel."""
    if node.row.name != "conv2d" or node.inputs[3] is not None or node.attributes["groups"] != 1:
        return False
    weight = node.inputs[1]
    assert weight is not None
    pixels = list(node.attributes["stride"]) == [1, 1] and not any(node.attributes["padding"])
    return pixels and list(weight.shape[1:3]) == [1, 1]


def _epilogue(node: Node) -> list[object]:
    return [node.attributes[name] for name in ("activation", "low", "high")]


def _rows(node: Node, expand: Node) -> int:
    """Output rows of a band, evenly cut; 0 where the image stays whole."""
    image, weight = expand.inputs[0], node.inputs[1]
    assert image is not None and weight is not None
    sizes = (image.shape[1], weight.shape[0], *expand.output.shape[1:], node.output.shape[2])
    known = [size for size in sizes if isinstance(size, int)]
    if len(known) < len(sizes):
        return 0
    depth, kernel, channels, height, width, outputs = known
    stride, extent = node.attributes["stride"][0], node.attributes["dilation"][0] * (kernel - 1) + 1
    row = channels * width * torch.float32.itemsize
    fitting = (LARGE_BAND // row - extent) // stride + 1
    if row * height < LARGE_IMAGE or fitting < 1:
        return 0
    bands = math.ceil(outputs / min(fitting, MAX_ROWS))
    twice = (bands - 1) * max(extent - stride, 0)
    return math.ceil(outputs / bands) if twice * depth < PRODUCTS_PER_FLOAT * height else 0
