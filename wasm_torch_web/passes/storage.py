"""Lets outputs take the memory of an input that dies where its row allows it."""

from __future__ import annotations

from wasm_torch_web.ir import Graph, Node, Value, root, same_shape
from wasm_torch_web.strides import equal

COMMUTATIVE = ("add", "mul")  # rows whose two operands may change places


def assign_storage(graph: Graph) -> int:
    """Merges memory of dying inputs and outputs; gives how many outputs are in place."""
    last: dict[Value, int] = {}
    for position, node in enumerate(graph.nodes):
        for value in node.inputs:
            if value is not None:
                last[root(value)] = position
    for value in graph.results():
        last[root(value)] = len(graph.nodes)
    merged = 0
    for position, node in enumerate(graph.nodes):
        if _made_in_place(node, position, last):
            source = node.inputs[node.row.inplace or 0]
            assert source is not None
            owner = root(source)
            last[owner] = max(position, last.get(node.output, position))
            node.output.storage, node.output.offset = owner, source.offset
            merged += 1
    return merged


def _made_in_place(node: Node, position: int, last: dict[Value, int]) -> bool:
    """The same as `_in_place`; operands that may change places do so where it helps."""
    if _in_place(node, position, last):
        return True
    if node.row.name not in COMMUTATIVE:
        return False
    node.inputs.reverse()
    if _in_place(node, position, last):
        return True
    node.inputs.reverse()
    return False


def _in_place(node: Node, position: int, last: dict[Value, int]) -> bool:
    """Whether the output may take the memory of the operand that the row names."""
    if node.row.inplace is None:
        return False
    source, output = node.inputs[node.row.inplace], node.output
    if source is None or output.storage is not output:
        return False
    owner = root(source)
    if owner.kind != "node" or last[owner] != position:
        return False
    shared = sum(1 for value in node.inputs if value is not None and root(value) is owner)
    return (
        shared == 1
        and owner.dtype == source.dtype == output.dtype
        and same_shape(source.shape, output.shape)
        and same_shape(source.strides, output.strides)
        and equal(source.numel, owner.numel)
    )
