"""What a layer takes in float32 and in int8, in nanoseconds of one thread in Chromium.

From measurements of the kernels (docs/quantization.md): what counts is which of the two is less.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from wasm_torch_web.ir import Dim, Node, Value
from wasm_torch_web.passes.winograd import gain

# Multiplications and additions in a nanosecond.
FLOAT, FLOAT_DEPTHWISE = 48.0, 22.0
INT8, INT8_DEPTHWISE = 95.0, 30.0
WINOGRAD = 0.7  # of what its fewer products gain, which its transforms leave
WEIGHT_BYTES = 20.0  # that come from memory in a nanosecond
# Nanoseconds for an element.
ROUND = 0.3  # float to byte
RANGE = 0.2  # to know the least and the largest one
BACK = 0.25  # byte to float
FLOAT_STORE = 0.15  # what writing a float takes
STORE = 0.45  # a sum to a byte
PAD = 0.1  # a byte to a place in a padded image
ROW = 28.0  # nanoseconds for a row with a range of its own

LARGE = 64  # stands for a dynamic size


def elements(value: Value | None) -> int:
    """Of a tensor; what is not known is LARGE."""
    return 0 if value is None else math.prod(_sizes(value.shape))


def _sizes(shape: Iterable[Dim]) -> list[int]:
    return [size if isinstance(size, int) else LARGE for size in shape]


def _flops(node: Node) -> int:
    """Computed directly."""
    assert node.row.flops is not None
    shapes = [None if v is None else _sizes(v.shape) for v in node.inputs]
    outputs = [_sizes(v.shape) for v in node.outputs]
    return int(node.row.flops(shapes, outputs, node.attributes))


def float32(node: Node) -> float:
    """Of a product or a depthwise convolution as it is."""
    if node.row.name == "depthwise_conv2d":
        return _flops(node) / FLOAT_DEPTHWISE
    compute = _flops(node) / (FLOAT * max(1.0, WINOGRAD * gain(node)))
    compute += FLOAT_STORE * elements(node.output)
    return max(compute, 4 * elements(node.inputs[1]) / WEIGHT_BYTES)


def _product(node: Node) -> float:
    """Of bytes."""
    compute = _flops(node) / INT8 + STORE * elements(node.output)
    return max(compute, elements(node.inputs[1]) / WEIGHT_BYTES)


def dynamic(node: Node) -> float:
    """Of a product whose input becomes bytes in the run."""
    quantised = (RANGE + ROUND) * elements(node.inputs[0]) + ROW * _rows(node)
    return _product(node) + FLOAT_STORE * elements(node.output) + quantised


def _rows(node: Node) -> float:
    """Those of its input that have ranges of their own; a pixel of a 1x1 convolution is one."""
    assert node.inputs[1] is not None
    columns, *kernel = _sizes(node.inputs[1].shape)
    if node.row.name == "conv2d" and kernel[:2] != [1, 1]:
        return 1
    return elements(node.output) / columns


def static(node: Node) -> float:
    """Of a product or a depthwise convolution of bytes."""
    pad = PAD * elements(node.inputs[0]) if any(node.attributes.get("padding", ())) else 0.0
    if node.row.name == "depthwise_conv2d":
        return _flops(node) / INT8_DEPTHWISE + pad
    return _product(node) + pad
