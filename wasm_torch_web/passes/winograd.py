"""Turns 3 x 3 convolutions of stride 1 into Winograd's where that is faster and not too large."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

from wasm_torch_web.ir import Dim, Graph, Node, Value
from wasm_torch_web.ops import ROWS
from wasm_torch_web.ops.winograd import PANEL

# Speed over conv2d in Chromium, weights from memory: 2.9 at 56 x 56 x 64, 2.7 at 28 x 28 x 128, 1.9
# at 14 x 14 x 256, 1.3 at 7 x 7 x 512, 2.1 at 56 x 56 x 16, 1.2 at 28 x 28 x 8. Fewer channels
# than that were not measured.
MIN_CHANNELS = 8
MAX_CHANNELS = 2048  # of the input: beyond, rounding errors come near the tolerance
PRODUCTS_PER_WEIGHT = 6  # in the time that one float takes from memory
TILES = (1, 2, 4)
LARGE = 64  # stands for a dynamic size
# Transformed weights are 4 (tiles of 4) or 1.8 times (of 2) as large as they were, and stand in
# memory beside them. In all they take at most this many times the bytes of the model's constants.
MAX_GROWTH = 2.5


def use_winograd(graph: Graph) -> int:
    """Replaces `conv2d` by `winograd_weight` and `winograd_conv2d`; gives how many."""
    choices = _choices(graph)
    _economise(choices.values(), MAX_GROWTH * _constant_bytes(graph))
    weights: dict[Value, Node] = {}
    nodes: list[Node] = []
    found = 0
    for node in graph.nodes:
        weight = _weight(node)
        if weight is not None and choices[weight].tile > 1:
            if weight not in weights:
                weights[weight] = _transformed(weight, choices[weight].tile, node)
                nodes.append(weights[weight])
            _replace(node, weights[weight].output)
            found += 1
        nodes.append(node)
    graph.nodes = nodes
    return found


@dataclass
class _Choice:
    """Convolutions with the same weights, and the tile that they use: 1 is no transform."""

    weight: Value
    tile: int = 1
    convolutions: list[Node] = field(default_factory=list)

    def smaller(self) -> int:
        """The best of the tiles that take less memory than the present one."""
        return min((t for t in TILES if t < self.tile), key=self.cost)

    def price(self) -> float:
        """Time lost for each byte gained by the step to `smaller`."""
        tile = self.smaller()
        return (self.cost(tile) - self.cost(self.tile)) / (self.bytes() - self.bytes(tile))

    def bytes(self, tile: int | None = None) -> int:
        """Bytes of the transformed weights."""
        tile = tile or self.tile
        outputs, _, _, channels = (int(size) for size in self.weight.shape)
        floats = -(-outputs // PANEL) * PANEL * (tile + 2) ** 2 * channels
        return 4 * floats if tile > 1 else 0

    def cost(self, tile: int) -> float:
        """The time that the convolutions take."""
        pairs = int(self.weight.shape[0]) * int(self.weight.shape[3])
        shapes = (node.output.shape for node in self.convolutions)
        return pairs * sum(_cost(tile, *_sizes(n, h, w)) for n, _, h, w in shapes)


def _choices(graph: Graph) -> dict[Value, _Choice]:
    """The fastest tile for each weight."""
    choices: dict[Value, _Choice] = {}
    for node in graph.nodes:
        weight = _weight(node)
        if weight is not None:
            choices.setdefault(weight, _Choice(weight)).convolutions.append(node)
    for choice in choices.values():
        choice.tile = min(TILES, key=choice.cost)
    return choices


def _economise(choices: Iterable[_Choice], limit: float) -> None:
    """Takes smaller tiles, where it costs the least time for the bytes, until all fit."""
    total = sum(choice.bytes() for choice in choices)
    while total > limit:
        cheapest = min((c for c in choices if c.tile > 1), key=_Choice.price)
        total -= cheapest.bytes()
        cheapest.tile = cheapest.smaller()
        total += cheapest.bytes()


def _constant_bytes(graph: Graph) -> int:
    values = {v for node in graph.nodes for v in node.inputs if v is not None and v.is_constant}
    return sum(int(value.numel) * value.dtype.itemsize for value in values)


def gain(node: Node) -> float:
    """How many times less there is to do for a node, by the best tile; 1 where there is none."""
    weight = _weight(node)
    if weight is None:
        return 1.0
    choice = _Choice(weight, convolutions=[node])
    return choice.cost(1) / min(map(choice.cost, TILES))


def _weight(node: Node) -> Value | None:
    """The weight of a convolution that Winograd's can replace."""
    if node.row.name != "conv2d":
        return None
    weight, attributes = node.inputs[1], node.attributes
    if weight is None or not weight.is_constant or weight.dtype != torch.float32:
        return None
    outputs, height, width, channels = (int(size) for size in weight.shape)
    square = (height, width) == (3, 3) and attributes["groups"] == 1
    plain = list(attributes["stride"]) == [1, 1] and list(attributes["dilation"]) == [1, 1]
    measured = outputs >= MIN_CHANNELS and MIN_CHANNELS <= channels <= MAX_CHANNELS
    return weight if square and plain and measured else None


def _sizes(*sizes: Dim) -> list[int]:
    """Numbers of the output's sizes, as far as they are known."""
    return [size if isinstance(size, int) else LARGE for size in sizes]


def _cost(tile: int, batch: int, height: int, width: int) -> float:
    """Per pair of channels: products, or the time in which the weights come from memory."""
    weights = (tile + 2) ** 2
    tiles = batch * math.ceil(height / tile) * math.ceil(width / tile)
    return max(weights * tiles, weights * PRODUCTS_PER_WEIGHT)


def _transformed(weight: Value, tile: int, node: Node) -> Node:
    outputs, _, _, channels = weight.shape
    shape = (-(-int(outputs) // PANEL), tile + 2, tile + 2, channels, PANEL)
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
