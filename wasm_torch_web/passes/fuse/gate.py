"""Multiplies a number for each channel of an image (squeeze-excite) into the weights it meets."""

from __future__ import annotations

import torch

from wasm_torch_web.ir import Node, Value, same_shape
from wasm_torch_web.passes.fuse.pattern import Reads, is_pointwise, pattern

# An element of the weights is scaled and packed in every run; one of the image is multiplied.
COST_OF_WEIGHT = 4


@pattern
def gate_weights(node: Node, reads: Reads) -> Node | None:
    """A 1x1 convolution of `x * gate`, where there are more pixels than outputs: the weights times
    the gate, which is the same for all pixels of one image, are less than the image."""
    product = reads.sole(node.inputs[0]) if node.row.name == "conv2d" else None
    if product is None or product.row.name != "mul" or not is_pointwise(product):
        return None
    weight = node.inputs[1]
    assert weight is not None
    if node.attributes["groups"] != 1 or not weight.is_constant or reads.count[weight] != 1:
        return None
    for image, gate in (product.inputs, product.inputs[::-1]):
        assert image is not None and gate is not None
        if _is_gate(gate, image) and _pays(weight, image):
            shape = (1, 1, 1, gate.numel)
            spread = reads.emit("permute", [gate], {"dims": (0, 2, 3, 1)}, node, shape)
            scaled = reads.emit("mul", [weight, spread], product.attributes, node, weight.shape)
            reads.rewire(node, 0, image)
            reads.rewire(node, 1, scaled)
            return node
    return None


def _is_gate(gate: Value, image: Value) -> bool:
    """Whether it is a number, known in the run alone, for each channel of the one image."""
    floats = gate.dtype == image.dtype == torch.float32
    fits = image.rank == 4 and same_shape(gate.shape, (1, image.shape[1], 1, 1))
    return floats and fits and not gate.is_constant


def _pays(weight: Value, image: Value) -> bool:
    outputs, *kernel, _ = weight.shape
    batch, _, height, width = image.shape
    if batch != 1 or kernel != [1, 1] or weight.dtype != torch.float32:
        return False
    pixels = height * width
    return isinstance(pixels, int) and COST_OF_WEIGHT * int(outputs) <= pixels
