"""Turns 3 x 3 convolutions of stride 1 into Winograd's where that is faster."""

from __future__ import annotations

import math
from typing import Any

import torch

from wasm_torch_web.ir import Dim, Graph, Node, Value
from wasm_torch_web.ops import ROWS

# Speed over conv2d in Chromium, weights from memory: 2.9 at 56 x 56 x 64, 2.7 at 28 x 28 x 128, 1.9
# at 14 x 14 x 256, 1.3 at 7 x 7 x 512, 2.1 at 56 x 56 x 16, 1.2 at 28 x 28 x 8. Fewer channels
# than that were not measured.
MIN_CHANNELS = 8
MAX_CHANNELS = 2048  # of the input: beyond, rounding errors come near the tolerance
PRODUCTS_PER_WEIGHT = 6  # in the time that one float takes from memory
LARGE = 64  # stands for a dynamic size


def use_winograd(graph: Graph) -> int:
    """Replaces `conv2d` by `winograd_weight` and `winograd_conv2d`; gives how many."""
    weights: dict[tuple[Value, int], Node] = {}
    nodes: list[Node] = []
    found = 0
    for node in graph.nodes:
        tile = _tile(node)
        if tile:
            weight = node.inputs[1]
            assert weight is not None
            if (weight, tile) not in weights:
                weights[weight, tile] = _transformed(weight, tile, node)
                nodes.append(weights[weight, tile])
            _replace(node, weights[weight, tile].output)
            found += 1
        nodes.append(node)
    graph.nodes = nodes
    return found


def _tile(node: Node) -> int:
    """Outputs of a tile in each direction, or 0 where the convolution stays as it is."""
    if node.row.name != "conv2d":
        return 0
    weight, attributes = node.inputs[1], node.attributes
    if weight is None or not weight.is_constant or weight.dtype != torch.float32:
        return 0
    outputs, height, width, channels = (int(size) for size in weight.shape)
    square = (height, width) == (3, 3) and attributes["groups"] == 1
    plain = list(attributes["stride"]) == [1, 1] and list(attributes["dilation"]) == [1, 1]
    if not (square and plain) or not MIN_CHANNELS <= channels <= MAX_CHANNELS:
        return 0
    if outputs < MIN_CHANNELS:
        return 0
    batch, _, height, width = node.output.shape
    tile = best_tile(batch, height, width)
    return tile if tile > 1 else 0


def best_tile(batch: Dim, height: Dim, width: Dim) -> int:
    """Outputs of a tile in each direction, 1 for none; dynamic sizes count as large."""
    sizes = [size if isinstance(size, int) else LARGE for size in (batch, height, width)]
    return min((1, 2, 4), key=lambda tile: _cost(tile, *sizes))


def _cost(tile: int, batch: int, height: int, width: int) -> float:
    """Per pair of channels: products, or the time in which the weights come from memory."""
    weights = (tile + 2) ** 2
    tiles = batch * math.ceil(height / tile) * math.ceil(width / tile)
    return max(weights * tiles, weights * PRODUCTS_PER_WEIGHT)


def _transformed(weight: Value, tile: int, node: Node) -> Node:
    outputs, _, _, channels = weight.shape
    shape = (-(-int(outputs) // 8), tile + 2, tile + 2, channels, 8)
    result = Value(f"{weight.name}_winograd", weight.dtype, shape)
    made = Node(ROWS["winograd_weight"], [weight], {"tile": tile}, [result], node.origin)
    result.producer = made
    return made


def _replace(node: Node, weight: Value) -> None:
    x, raw, bias, residual = node.inputs
    assert raw is not None
    if bias is None:
        zeros = torch.zeros(int(raw.shape[0]))
        bias = Value(f"{raw.name}_bias", raw.dtype, tuple(zeros.shape), "constant", zeros)
    kept: dict[str, Any] = {k: node.attributes[k] for k in ("activation", "low", "high")}
    padding = list(node.attributes["padding"])
    node.row = ROWS["winograd_conv2d"]
    node.inputs = [x, weight, bias, residual]
    node.attributes = {"padding": padding if len(padding) == 4 else padding * 2, **kept}
