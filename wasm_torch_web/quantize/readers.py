"""A graph in, the nodes that read a known weight, and that weight, out."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import torch
from torch import Tensor

from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.quantize.way import all_nodes

LEAST_ELEMENTS = 4096  # a smaller product takes as long as making its input integers


def linear_layers(graph: Graph) -> Iterator[Node]:
    """Those with large constant weights."""
    for node in all_nodes(graph):
        if node.row.name == "linear" and is_known(node) and is_large(weight_of(node)):
            yield node


def embedding_weight(node: Node) -> Value | None:
    """The table (N, K) of an embedding, where it is known, large and not yet rounded."""
    if node.row.name != "embedding" or not is_known(node):
        return None
    weight = weight_of(node)
    return weight if is_large(weight) and weight.dtype == torch.float32 else None


def is_known(node: Node) -> bool:
    """Whether weight and bias are constants."""
    bias = bias_of(node)
    return weight_of(node).is_constant and (bias is None or bias.is_constant)


def is_large(weight: Value) -> bool:
    """Whether fewer bits are worth it."""
    return int(weight.numel) >= LEAST_ELEMENTS


def weight_of(node: Node) -> Value:
    """Its operand of that name."""
    weight = node.inputs[node.row.position("weight")]
    assert weight is not None
    return weight


def bias_of(node: Node) -> Value | None:
    """Its operand of that name, if it has one."""
    position = node.row.position("bias")
    return None if position < 0 else node.inputs[position]


def data_of(value: Value) -> Tensor:
    """The contents of a constant."""
    assert value.data is not None
    return value.data


def constant(name: str, data: Tensor) -> Value:
    """A new one."""
    return Value(name, data.dtype, tuple(data.shape), "constant", data)


def read_elsewhere(graph: Graph, nodes: Collection[Node]) -> set[Value]:
    """Values that other nodes read."""
    return {v for node in all_nodes(graph) if node not in nodes for v in node.inputs if v}
