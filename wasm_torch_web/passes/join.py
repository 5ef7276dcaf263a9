"""Lets what a `cat` joins be written where the result lies, instead of being copied there.

That is so where the joined axis is the outermost in memory: each piece is one run of the result.
Pieces that cannot (inputs, constants, parts of something larger) are copied.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from wasm_torch_web.decided import decided
from wasm_torch_web.ir import Dim, Graph, Node, Value, root
from wasm_torch_web.passes.state import copy_node
from wasm_torch_web.strides import equal


def join_in_place(graph: Graph) -> int:
    """Replaces `cat` where it can; gives how many pieces are not copied any more."""
    memory = _Memory(graph)
    nodes: list[Node] = []
    found = 0
    for node in graph.nodes:
        known = decided(graph).keys().isdisjoint(_symbols(node.output))
        pieces = memory.pieces(node) if known and _is_outermost(node) else None
        if pieces:
            nodes += memory.join(node, pieces)
            found += len(pieces)
        else:
            nodes.append(node)
    graph.nodes = nodes
    return found


def _symbols(value: Value) -> set[Any]:
    return {symbol for size in value.shape for symbol in getattr(size, "free_symbols", ())}


def _is_outermost(node: Node) -> bool:
    """Whether it is a `cat` whose axis is the outermost of its output in memory."""
    if node.row.name != "cat" or node.output.storage is not node.output:
        return False
    output, dim = node.output, node.attributes["dim"]
    return output.numel != 0 and equal(output.strides[dim] * output.shape[dim], output.numel)


def _fits(value: Value, output: Value) -> bool:
    """Whether the value fills memory of its own, in the order in which the result has it."""
    own = root(value)
    axes = zip(value.shape, value.strides, output.strides, strict=True)
    return (
        own.kind == "node"
        and own.dtype == value.dtype == output.dtype
        and equal(value.offset, own.offset)
        and equal(value.numel, own.numel)
        and all(size == 1 or equal(step, wanted) for size, step, wanted in axes)
    )


@dataclass
class _Owner:
    """What is known of a piece of memory: the values in it, and the nodes that write it."""

    values: list[Value] = field(default_factory=list)
    writers: list[Node] = field(default_factory=list)


class _Memory:
    def __init__(self, graph: Graph) -> None:
        self.owners: dict[Value, _Owner] = {}
        for value in graph.values():
            if value.storage is not None:
                owner = self.owners.setdefault(root(value), _Owner())
                owner.values.append(value)
                owner.writers += [value.producer] if value.producer is not None else []

    def pieces(self, node: Node) -> set[Value]:
        """The memory of those inputs of a `cat` that may be written in place.

        An output never lies in the same memory as an input or another output of its node (the plan
        forbids it): no writer of one piece may read or write another.
        """
        owners = [*_roots(node.inputs)]
        times = Counter(owners)
        chosen: set[Value] = set()
        touched: set[Value] = set()  # by writers of the chosen
        for value, own in zip(node.inputs, owners, strict=True):
            assert value is not None
            if times[own] > 1 or own in touched or not _fits(value, node.output):
                continue
            touches = self.touched_with(own)
            if touches.isdisjoint(chosen):
                chosen.add(own)
                touched |= touches
        return chosen

    def touched_with(self, own: Value) -> set[Value]:
        """Other memory that the nodes use that write this one."""
        writers = self.owners[own].writers
        used = {one for writer in writers for one in _roots((*writer.inputs, *writer.outputs))}
        return used - {own}

    def join(self, node: Node, pieces: set[Value]) -> Iterator[Node]:
        """Moves the pieces into memory of the output's size; gives copies of the other inputs."""
        output = node.output
        name = f"{output.name}__joined"
        memory = Value(name, output.dtype, output.shape, strides=output.strides)
        memory.storage = memory
        self.owners[memory] = _Owner([memory])
        at: Dim = 0
        for value in node.inputs:
            assert value is not None
            own = root(value)
            if own in pieces:
                self.move(own, memory, at)
            else:
                yield self.copy(value, node, memory, at)
            at = at + value.shape[node.attributes["dim"]] * output.strides[node.attributes["dim"]]
        output.kind, output.producer, output.storage = "view", None, memory
        self.owners[memory].values += self.owners.pop(output).values

    def move(self, own: Value, memory: Value, at: Dim) -> None:
        moved = self.owners.pop(own)
        for value in moved.values:
            value.offset = value.offset + at
        own.storage = memory
        self.owners[memory].values += moved.values
        self.owners[memory].writers += moved.writers

    def copy(self, value: Value, node: Node, memory: Value, at: Dim) -> Node:
        copied = copy_node(value, node.origin)
        strides = node.output.strides
        copied.output.strides, copied.output.storage, copied.output.offset = strides, memory, at
        self.owners[memory].values.append(copied.output)
        self.owners[memory].writers.append(copied)
        return copied


def _roots(values: Iterable[Value | None]) -> Iterator[Value]:
    return (root(value) for value in values if value is not None)
