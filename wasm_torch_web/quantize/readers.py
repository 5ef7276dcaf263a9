"""A graph in, the nodes that read a known weight, and that weight, out."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from torch import Tensor

from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.quantize.way import all_nodes

LEAST_ELEMENTS = 4096  # a smaller product takes as long as making its input integers


def readers(graph: Graph, *rows: str) -> Iterator[Node]:
    """Nodes of these rows that compute with large constants."""
    for node in all_nodes(graph):
        if node.row.name in rows:
            weight, bias = weight_of(node), bias_of(node)
            known = weight.is_constant and (bias is None or bias.is_constant)
            if known and int(weight.numel) >= LEAST_ELEMENTS:
                yield node


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
