"""Which nodes of a simplified graph can compute with int8 weights, and which can pass bytes on."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.ops.integers import MOST_DEPTH, round_rows
from wasm_torch_web.quantize.readers import data_of, is_known, is_large, weight_of
from wasm_torch_web.quantize.rounding import loss_between

MOST_LOSS = 0.05  # of a row's norm; normally distributed weights lose 0.007

CLAMPS = ("none", "relu", "relu6", "clamp")  # activations that bytes have
PASSING = ("max_pool2d", "cat")  # rows, beside views, that give the numbers that they get


def product_weight(node: Node) -> Value | None:
    """The weight (N, ..., K) of a linear layer or an ungrouped convolution, where it is known."""
    if node.row.name not in ("linear", "conv2d") or node.attributes.get("groups", 1) != 1:
        return None
    is_small = node.row.name == "linear" and not is_large(weight_of(node))
    return weight_of(node) if is_known(node) and not is_small else None


def depthwise_weight(node: Node) -> Value | None:
    """The weight (KH, KW, C) of a depthwise convolution from bytes to bytes."""
    if node.row.name != "depthwise_conv2d" or residual_of(node) is not None:
        return None
    can = is_known(node) and node.attributes["activation"] in CLAMPS
    return weight_of(node) if can else None


def residual_of(node: Node) -> Value | None:
    """What a product adds to its result."""
    position = node.row.position("residual")
    return node.inputs[position] if position >= 0 else None


def depth_of(weight: Value) -> int:
    """The products of an output."""
    return int(weight.numel) // max(int(weight.shape[0]), 1)


def int8_loss(weight: Value) -> tuple[float | None, str]:
    """Of a product's weight: the largest error of a row relative to its norm as int8, and why it
    stays float32, empty where it need not."""
    data = data_of(weight)
    if depth_of(weight) > MOST_DEPTH:
        return None, f"a row has more than {MOST_DEPTH:,} elements"
    whole, scale = round_rows(data)
    loss = loss_between(data, whole * scale.reshape(-1, *(1,) * (data.dim() - 1)))
    return loss, loss_text(loss)


def loss_text(loss: float | None) -> str:
    """Why a weight that loses this much stays float32; empty where it does not."""
    if loss is None:
        return "it has elements that are not finite"
    return f"int8 moves a row by {loss:.1e} of its norm" if loss > MOST_LOSS else ""


def is_passing(node: Node) -> bool:
    """Whether it can do with bytes what it does with floats."""
    is_view = node.row.view is not None and len(node.inputs) == 1 and len(node.outputs) == 1
    return (is_view or node.row.name in PASSING) and all(
        v is not None and is_computed(v) for v in (*node.inputs, node.output)
    )


def is_computed(value: Value) -> bool:
    """Whether it is a float32 tensor that a run makes or is given."""
    return value.kind in ("node", "input") and value.dtype == torch.float32


def observed(graph: Graph) -> list[Value]:
    """The values that may become bytes."""
    return list(dict.fromkeys(_observed(graph)))


def _observed(graph: Graph) -> Iterator[Value]:
    for node in graph.nodes:
        if product_weight(node) is not None or depthwise_weight(node) is not None:
            ends = (node.inputs[0], residual_of(node), node.output)
            yield from (v for v in ends if v is not None and is_computed(v))
        elif is_passing(node):
            yield from (v for v in (*node.inputs, node.output) if v is not None)
