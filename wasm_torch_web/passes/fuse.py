"""Moves what follows a matrix product or convolution into it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch

from wasm_torch_web.ir import Graph, Node, Value, same_shape

# Rows with a fused epilogue, and the axis of their weight that counts output channels.
CHANNEL_AXIS = {"conv2d": 0, "conv_transpose2d": 0, "linear": 0, "depthwise_conv2d": 2}

# Unary rows that an epilogue can do: their attributes -> its `activation`, `low` and `high`.
Epilogue = tuple[str, float, float]
_ACTIVATIONS: dict[str, Callable[[Node], Epilogue | None]] = {
    **{
        name: lambda node: (node.row.name, -math.inf, math.inf)
        for name in ("relu", "relu6", "hardswish", "hardsigmoid", "sigmoid", "silu", "tanh")
    },
    "gelu": lambda node: ("gelu", -math.inf, math.inf),
    "gelu_tanh": lambda node: ("gelu_tanh", -math.inf, math.inf),
    "leaky_relu": lambda node: _leaky_relu(node),
    "clamp": lambda node: _clamp(node),
}


def fold_batch_norm(graph: Graph) -> int:
    """Multiplies a batch norm into the weights before it; gives how many are gone."""
    return sum(_fold_batch_norm(graph, *pair) for pair in _pairs(graph, "batch_norm"))


def fuse_activations(graph: Graph) -> int:
    """Lets the epilogue of a product apply the activation after it; gives how many."""
    found = 0
    for name in _ACTIVATIONS:
        for producer, node in _pairs(graph, name):
            epilogue = _ACTIVATIONS[name](node)
            if epilogue is not None:
                values = dict(zip(("activation", "low", "high"), epilogue, strict=True))
                producer.attributes.update(values)
                _take_over(graph, producer, node)
                found += 1
    return found


def fuse_residuals(graph: Graph) -> int:
    """Adds the other operand of an addition in the epilogue; gives how many."""
    found = 0
    for node in [n for n in graph.nodes if n.row.name == "add"]:
        for this, other in ((0, 1), (1, 0)):
            producer = _fusable(graph, node.inputs[this])
            residual = node.inputs[other]
            if producer is not None and residual is not None and _takes(producer, node, residual):
                producer.inputs[_residual_index(producer)] = residual
                graph.nodes.remove(producer)
                graph.nodes.insert(graph.nodes.index(node), producer)
                _take_over(graph, producer, node)
                found += 1
                break
    return found


def fold_padding(graph: Graph) -> int:
    """Moves a border of zeros into the convolution that reads it; gives how many."""
    found = 0
    uses = graph.uses()
    for node in graph.nodes:
        if node.row.name not in ("conv2d", "depthwise_conv2d") or node.inputs[0] is None:
            continue
        pad = node.inputs[0].producer
        if pad is None or pad.row.name != "constant_pad_nd" or len(uses[pad.output]) != 1:
            continue
        border = _zero_border(pad)
        if border is not None:
            own = node.attributes["padding"]
            own = own if len(own) == 4 else [*own, *own]
            node.attributes["padding"] = [a + b for a, b in zip(own, border, strict=True)]
            node.inputs[0] = pad.inputs[0]
            found += 1
    return found


def _zero_border(pad: Node) -> list[int] | None:
    """(top, left, bottom, right) of a padding of the last two axes with zeros, else None."""
    value, widths = pad.inputs[1], list(pad.attributes["pad"])
    if value is None or value.data is None or value.data.item() != 0:
        return None
    if any(not isinstance(w, int) or w < 0 for w in widths) or any(widths[4:]):
        return None
    left, right, top, bottom = (widths + [0] * 4)[:4]
    return [top, left, bottom, right]


def _pairs(graph: Graph, name: str) -> Iterator[tuple[Node, Node]]:
    """Each node of that row whose first input comes from a product that it alone reads."""
    for node in [n for n in graph.nodes if n.row.name == name]:
        producer = _fusable(graph, node.inputs[0])
        if producer is not None:
            yield producer, node


def _fusable(graph: Graph, value: Value | None) -> Node | None:
    """The product that makes `value`, if its epilogue is free and nobody else reads the value."""
    producer = value.producer if value is not None else None
    if producer is None or producer.row.name not in CHANNEL_AXIS:
        return None
    if producer.attributes["activation"] != "none":
        return None
    readers = [n for n in graph.nodes if producer.output in n.inputs]
    alone = len(readers) == 1 and readers[0].inputs.count(producer.output) == 1
    return producer if alone and producer.output not in graph.results() else None


def _take_over(graph: Graph, producer: Node, node: Node) -> None:
    """The producer now makes what `node` made."""
    producer.outputs = node.outputs
    producer.output.producer = producer
    graph.nodes.remove(node)


def _residual_index(producer: Node) -> int:
    names = [operand.name for operand in producer.row.inputs]
    return names.index("residual") if "residual" in names else -1


def _takes(producer: Node, node: Node, residual: Value) -> bool:
    index = _residual_index(producer)
    return (
        index >= 0
        and producer.inputs[index] is None
        and residual.dtype == producer.output.dtype == node.output.dtype
        and same_shape(residual.shape, producer.output.shape)
    )


def _fold_batch_norm(graph: Graph, producer: Node, node: Node) -> int:
    weight, bias = producer.inputs[1], producer.inputs[2]
    scale, shift = node.inputs[1], node.inputs[2]
    assert scale is not None and shift is not None and weight is not None
    constants = all(v is None or v.data is not None for v in (weight, bias, scale, shift))
    residual = _residual_index(producer)
    free = residual < 0 or producer.inputs[residual] is None
    channels_second = producer.row.name != "linear" or producer.output.rank == 2
    if not (constants and free and channels_second):
        return 0
    assert weight.data is not None and scale.data is not None and shift.data is not None
    factor = scale.data.double()
    shape = [1] * weight.rank
    shape[CHANNEL_AXIS[producer.row.name]] = -1
    start = torch.zeros_like(factor) if bias is None or bias.data is None else bias.data.double()
    producer.inputs[1] = _constant(weight, weight.data.double() * factor.reshape(shape))
    name = bias or node.inputs[2]
    assert name is not None
    producer.inputs[2] = _constant(name, start * factor + shift.data.double())
    _take_over(graph, producer, node)
    return 1


def _constant(like: Value, data: torch.Tensor) -> Value:
    data = data.to(like.dtype)
    return Value(like.name, like.dtype, tuple(data.shape), "constant", data)


def _leaky_relu(node: Node) -> Epilogue | None:
    slope: Any = node.attributes.get("negative_slope")
    return ("leaky_relu", float(slope), 0.0) if isinstance(slope, (int, float)) else None


def _clamp(node: Node) -> Epilogue | None:
    low, high = node.attributes["min"], node.attributes["max"]
    numbers = all(isinstance(bound, (int, float)) for bound in (low, high))
    return ("clamp", float(low), float(high)) if numbers else None
