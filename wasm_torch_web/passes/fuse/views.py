"""Moves pointwise work before views, to where the row that it follows can take it over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wasm_torch_web.ir import Dim, Node, Value, same_shape
from wasm_torch_web.ops import ROWS
from wasm_torch_web.passes.fuse.pattern import Reads, is_pointwise, pattern

RESHAPES = ("reshape", "squeeze", "unsqueeze")
TAKERS = ("matmul", "rms_norm", "layer_norm")  # besides products with weights
Step = tuple[str, dict[str, Any]]  # a view: its row and attributes


@pattern
def sink_views(node: Node, reads: Reads) -> Node | None:
    """f(view(product), y) becomes view(f(product, y seen the other way))."""
    if not is_pointwise(node):
        return None
    for index, value in enumerate(node.inputs):
        view = reads.sole(value)
        if view is None or view.row.view is None or not _of_product(view.inputs[0], reads):
            continue
        source = view.inputs[0]
        others = _seen_back(node, index, view, reads)
        if source is not None and others is not None:
            reads.release(view)
            inputs = [*others[:index], source, *others[index:]]
            moved = reads.emit(node.row.name, inputs, node.attributes, node, source.shape)
            return reads.become(node, view.row.name, [moved], **view.attributes)
    return None


@pattern
def merge_reshapes(node: Node, reads: Reads) -> Node | None:
    """A reshape of a reshape is a reshape of what both show."""
    if node.row.name not in RESHAPES:
        return None
    before = node.inputs[0].producer if node.inputs[0] is not None else None
    if before is None or before.row.name not in RESHAPES:
        return None
    return reads.become(node, "reshape", before.inputs, size=list(node.output.shape))


def _of_product(value: Value | None, reads: Reads) -> bool:
    """Whether a row of TAKERS makes the value, perhaps with pointwise rows behind it."""
    node = reads.sole(value)
    while node is not None and is_pointwise(node):
        node = reads.sole(next((v for v in node.inputs if v and _full(v, node)), None))
    return node is not None and (node.row.channels is not None or node.row.name in TAKERS)


def _full(value: Value, node: Node) -> bool:
    return not value.is_constant and same_shape(value.shape, node.output.shape)


def _seen_back(node: Node, index: int, view: Node, reads: Reads) -> list[Value | None] | None:
    """The node's other operands as they lie beside the view's source; None where they cannot."""
    shape, source = node.output.shape, view.inputs[0]
    assert source is not None
    if not same_shape(view.output.shape, shape):
        return None
    others: list[Value | None] = []
    for value in (*node.inputs[:index], *node.inputs[index + 1 :]):
        assert value is not None
        step = None if value.numel == 1 else _back(view, source.shape, value.shape)
        if value.numel != 1 and step is None:
            return None
        others.append(value if step is None else _through(step, value, node, reads))
    return others


def _back(view: Node, source: Sequence[Dim], shape: Sequence[Dim]) -> list[Step] | None:
    """The views that undo `view` for an operand of this shape that is broadcast to its output."""
    name, rank = view.row.name, view.output.rank
    padded = (*(1,) * (rank - len(shape)), *shape)
    widen: list[Step] = [("reshape", {"size": list(padded)})] if rank > len(shape) else []
    if name == "permute":
        order = [axis % rank for axis in view.attributes["dims"]]
        return [*widen, ("permute", {"dims": [order.index(axis) for axis in range(rank)]})]
    if name not in RESHAPES:
        return None
    if same_shape(padded, view.output.shape):
        return [*widen, ("reshape", {"size": list(source)})]
    wide = [size for size, of in zip(padded, view.output.shape, strict=True) if of != 1]
    if same_shape([n for n in source if n != 1], [n for n in view.output.shape if n != 1]):
        rest = iter(wide)  # only axes of size 1 come or go
        return [("reshape", {"size": [1 if size == 1 else next(rest) for size in source]})]
    own = padded[next(i for i, size in enumerate(padded) if size != 1) :]
    if same_shape(source[-len(own) :], view.output.shape[-len(own) :]):
        return [("reshape", {"size": list(own)})]  # what it is broadcast along changes alone
    return None


def _through(steps: list[Step], value: Value, node: Node, reads: Reads) -> Value:
    """The value seen through views; a constant is a constant again."""
    for name, attributes in steps:
        data = None
        if value.is_constant and value.data is not None:
            data = ROWS[name].reference(value.data, **attributes).contiguous()
            shape: tuple[Dim, ...] = tuple(data.shape)
            value = Value(f"{value.name}__{name}", value.dtype, shape, "constant", data)
            continue
        shape = _seen_shape(name, attributes, value.shape)
        value = reads.emit(name, [value], attributes, node, shape, value.dtype)
    return value


def _seen_shape(name: str, attributes: dict[str, Any], shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    return (
        tuple(shape[axis] for axis in attributes["dims"])
        if name == "permute"
        else tuple(attributes["size"])
    )
