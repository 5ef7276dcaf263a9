"""Makes one product of linears that read the same value, such as queries, keys and values."""

from __future__ import annotations

from collections import Counter, defaultdict

import torch

from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.ops import ROWS

INPUT, WEIGHT, BIAS, RESIDUAL = range(4)


def merge_linears(graph: Graph) -> int:
    """Replaces linears of one input by a wide one and slices; gives how many went.

    Only where no other node reads the weights, and where all readers split the last axis into
    heads: to them it is all the same that rows lie farther apart.
    """
    siblings: dict[Value, list[Node]] = defaultdict(list)
    suitable = _read_as_heads(graph)
    count = Counter(value for node in graph.nodes for value in node.inputs)
    for node in graph.nodes:
        x = node.inputs[INPUT] if _is_plain(node) and count[node.inputs[WEIGHT]] == 1 else None
        if x is not None and node.output in suitable:
            siblings[x].append(node)
    groups = [nodes for nodes in siblings.values() if len(nodes) > 1]
    replaced = {
        node: _merged(group) if node is group[0] else [] for group in groups for node in group
    }
    graph.nodes = [made for node in graph.nodes for made in replaced.get(node, [node])]
    return sum(len(group) - 1 for group in groups)


def _is_plain(node: Node) -> bool:
    """Whether the node is a linear of constants without an epilogue."""
    if node.row.name != "linear" or node.inputs[RESIDUAL] is not None:
        return False
    weight, bias = node.inputs[WEIGHT], node.inputs[BIAS]
    constant = weight is not None and weight.is_constant and (bias is None or bias.is_constant)
    return constant and node.attributes["activation"] == "none"


def _read_as_heads(graph: Graph) -> set[Value]:
    """Values that are read by reshapes that split their last axis, and by nothing else."""
    split: set[Value] = set()
    other = set(graph.results())
    for node in graph.nodes:
        for value in node.inputs:
            if value is None:
                continue
            kept = node.output.shape[: value.rank - 1] == value.shape[:-1]
            heads = node.row.name == "reshape" and kept and node.output.rank == value.rank + 1
            (split if heads else other).add(value)
    return split - other


def _merged(group: list[Node]) -> list[Node]:
    """The wide linear, then the slices that make what the group made."""
    first = group[0]
    wide = _joined([node.inputs[WEIGHT] for node in group])
    biased = any(node.inputs[BIAS] is not None for node in group)
    bias = _joined([_bias(node) for node in group]) if biased else None
    sizes = [int(node.output.shape[-1]) for node in group]
    shape = (*first.output.shape[:-1], sum(sizes))
    output = Value(f"{first.output.name}__merged", first.output.dtype, shape)
    inputs = [first.inputs[INPUT], wide, bias, None]
    output.producer = Node(first.row, inputs, first.attributes, [output], first.origin)
    nodes, start = [output.producer], 0
    for node, size in zip(group, sizes, strict=True):
        bounds = {"dim": output.rank - 1, "start": start, "end": start + size, "step": 1}
        piece = Node(ROWS["slice"], [output], bounds, node.outputs, node.origin)
        node.output.producer = piece
        nodes.append(piece)
        start += size
    return nodes


def _bias(node: Node) -> Value:
    """The bias, or zeros."""
    zeros = torch.zeros(int(node.output.shape[-1]))
    return node.inputs[BIAS] or Value("zeros", zeros.dtype, tuple(zeros.shape), "constant", zeros)


def _joined(constants: list[Value | None]) -> Value:
    parts = [value for value in constants if value is not None]
    data = torch.cat([value.data for value in parts if value.data is not None])
    name = "+".join(value.name for value in parts)
    return Value(name, data.dtype, tuple(data.shape), "constant", data)
