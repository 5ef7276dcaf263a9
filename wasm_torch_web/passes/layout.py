"""Decides where every element lies: strides of values, views as aliases, copies where needed.

After this pass no view nodes are left: their outputs are values of kind `view` over the memory
of another value. Convolutions and what follows them are channels-last by their strides alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import sympy
import torch

from wasm_torch_web.ir import Dim, Graph, Node, Value
from wasm_torch_web.ops import Operand
from wasm_torch_web.passes.state import copy_node
from wasm_torch_web.strides import contiguous_strides, equal, ordered_strides

CHANNELS_LAST = {3: (0, 2, 1), 4: (0, 2, 3, 1), 5: (0, 2, 3, 4, 1)}


def choose_layouts(graph: Graph) -> int:
    """Sets strides, offset and storage of every value; gives the number of copies inserted."""
    return _Layouts(graph).run()


class _Layouts:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes: list[Node] = []
        self.copies: dict[tuple[Value, tuple[int, ...]], Value] = {}
        self.inserted = 0
        self.numbers = {s.symbol: sympy.Integer(97 + 2 * i) for i, s in enumerate(graph.symbols)}

    def run(self) -> int:
        _pack_weights(self.graph)
        for value in self.graph.values():
            if value.kind in ("input", "constant", "prepared", "state"):
                value.strides, value.storage = contiguous_strides(value.shape), value
        for node in self.graph.nodes:
            if node.row.view is not None:
                self.view(node)
            else:
                self.compute(node)
        for port in self.graph.outputs:
            if isinstance(port.value, Value):
                port.value = self.fit(port.value, ("dense",))
        self.graph.nodes = self.nodes
        return self.inserted

    def view(self, node: Node) -> None:
        source, output = node.inputs[0], node.output
        assert source is not None and node.row.view is not None
        attributes = {
            name: tuple(item) if isinstance(item, list) else item
            for name, item in node.attributes.items()
        }
        place = node.row.view(source.shape, source.strides, source.offset, **attributes)
        if place is None:
            source = self.fit(source, ("dense",))
            place = node.row.view(source.shape, source.strides, source.offset, **attributes)
        _, output.strides, output.offset = place
        output.kind, output.producer = "view", None
        output.storage = source.storage if source.kind == "view" else source

    def compute(self, node: Node) -> None:
        node.inputs = [
            None if value is None else self.fit(value, node.row.operand(index).layout)
            for index, value in enumerate(node.inputs)
        ]
        for output, spec in zip(node.outputs, node.row.outputs, strict=True):
            self.place_output(node, output, spec)
        self.nodes.append(node)

    def place_output(self, node: Node, output: Value, spec: Operand) -> None:
        order = tuple(range(output.rank))
        if output.storage is None:  # else it lies in a state, which is dense
            output.storage = output
            if "like" in spec.layout:
                order = self.order_like(node, output)
            elif "channels_last" in spec.layout:
                order = CHANNELS_LAST[output.rank]
        output.strides = ordered_strides(output.shape, order)

    def order_like(self, node: Node, output: Value) -> tuple[int, ...]:
        """The memory order of the first computed input that is dense and not broadcast."""
        inputs = [v for v in node.inputs if v is not None and not _is_broadcast(v, output)]
        for value in sorted(inputs, key=lambda v: v.is_constant):
            order = self.dense_order(value)
            if order is not None:
                return order
        return tuple(range(output.rank))

    # --- classes of layout ---

    def fit(self, value: Value, layouts: Sequence[str]) -> Value:
        """The value, or a copy of it that one of the layouts holds for."""
        if value.groups or any(self.is_in(value, name) for name in layouts):
            return value
        order = tuple(range(value.rank))
        if "channels_last" in layouts and "dense" not in layouts:
            order = CHANNELS_LAST[value.rank]
        key = (value, order)
        if key not in self.copies:
            node = copy_node(value)
            node.output.strides = ordered_strides(value.shape, order)
            node.output.storage = node.output
            self.nodes.append(node)
            self.copies[key] = node.output
            self.inserted += 1
        return self.copies[key]

    def is_in(self, value: Value, layout: str) -> bool:
        if layout == "strided":
            return True
        if layout == "rows":
            return value.rank == 0 or value.shape[-1] == 1 or equal(value.strides[-1], 1)
        if layout == "dense_any":
            return self.dense_order(value) is not None
        if layout == "channels_last":
            order = CHANNELS_LAST.get(value.rank)
            return order is not None and value.rank > 3 and is_dense(value, order)
        return layout == "dense" and is_dense(value, tuple(range(value.rank)))

    def dense_order(self, value: Value) -> tuple[int, ...] | None:
        """The order of axes in which the value is dense, or None."""
        steps = [self.number(step) for step in value.strides]
        order = sorted(range(value.rank), key=lambda axis: -steps[axis])
        for candidate in itertools.chain([tuple(order)], [tuple(range(value.rank))]):
            if is_dense(value, candidate):
                return candidate
        return None

    def number(self, size: Dim) -> int:
        return size if isinstance(size, int) else int(size.subs(self.numbers))


def _is_broadcast(value: Value, output: Value) -> bool:
    """Whether the output has more axes, or one of more than 1 where the value has 1."""
    sizes = zip(value.shape, output.shape, strict=False)
    return value.rank != output.rank or any(a == 1 and b != 1 for a, b in sizes)


def is_dense(value: Value, order: tuple[int, ...]) -> bool:
    """Whether the value is dense with its axes in `order`; axes of size 1 do not count."""
    expected: Dim = 1
    for axis in reversed(order):
        size = value.shape[axis]
        if size == 1:
            continue
        if not equal(value.strides[axis], expected):
            return False
        expected = expected * size
    return True


def _pack_weights(graph: Graph) -> None:
    """Marks float32 constants that every reader takes in panels, where one prefers them."""
    readers: dict[Value, list[tuple[Node, Operand]]] = {}
    for node in (*graph.prepare, *graph.nodes):
        for index, value in enumerate(node.inputs):
            if value is not None and value.is_constant:
                readers.setdefault(value, []).append((node, node.row.operand(index)))
    results = set(graph.results())
    for value, uses in readers.items():
        groups = {node.attributes.get("groups", 1) for node, _ in uses}
        if (
            value.dtype == torch.float32
            and value.rank >= 2
            and value.numel != 0
            and value not in results
            and len(groups) == 1
            and all("panel8" in operand.layout for _, operand in uses)
            and any(operand.layout[0] == "panel8" for _, operand in uses)
        ):
            value.groups = groups.pop()
