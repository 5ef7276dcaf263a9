"""A simplified graph in, the same with int8 weights in its products and embeddings out.

A layer's input becomes bytes in the run, each row (of a convolution: each image) by its own range.
What the operator table says of that is exact, so that a quantised package is verified like any
other. A table that an embedding and a linear layer read is stored once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from wasm_torch_web.control import all_subgraphs
from wasm_torch_web.ir import Dim, Graph, Node, Value
from wasm_torch_web.ops import ROWS
from wasm_torch_web.ops.integers import Packed, packed
from wasm_torch_web.ops.quantized_convolution import packed_kernel
from wasm_torch_web.quantize import cost
from wasm_torch_web.quantize.layers import int8_loss, product_weight
from wasm_torch_web.quantize.readers import (
    bias_of,
    constant,
    data_of,
    embedding_weight,
    read_elsewhere,
    weight_of,
)
from wasm_torch_web.quantize.way import Names, Ranges, Way, Weight, all_nodes

FASTER = "float32 is as fast"

TO_PIXELS, TO_IMAGE = (0, 2, 3, 1), (0, 3, 1, 2)


def _weights(graph: Graph, ranges: Ranges) -> list[Weight]:
    """Those of linear layers, embeddings, and convolutions but where float32 is as fast."""
    candidates: dict[Value, list[Node]] = {}
    for node, weight in _candidates(all_nodes(graph)):
        candidates.setdefault(weight, []).append(node)
    others = read_elsewhere(graph, {node for nodes in candidates.values() for node in nodes})
    return [_judge(weight, nodes, weight in others) for weight, nodes in candidates.items()]


def _candidates(nodes: Iterable[Node]) -> Iterator[tuple[Node, Value]]:
    for node in nodes:
        weight = product_weight(node) or embedding_weight(node)
        if weight is not None:
            yield node, weight


def _judge(weight: Value, nodes: Iterable[Node], is_shared: bool) -> Weight:
    """`is_shared`: something else reads it, as float32."""
    loss, kept = int8_loss(weight)
    if not kept and not all(_is_faster(node) for node in nodes):
        kept = FASTER
    size = 4 * int(weight.numel)
    stored = size if kept else size // 4 + 8 * int(weight.shape[0]) + (size if is_shared else 0)
    return Weight(weight.name, size, stored, loss, DYNAMIC.name, kept)


def _is_faster(node: Node) -> bool:
    """Linear layers and embeddings have their smaller weights besides."""
    return node.row.name != "conv2d" or cost.dynamic(node) < cost.float32(node)


def _apply(graph: Graph, chosen: Names, ranges: Ranges) -> None:
    made: dict[Any, list[Value]] = {}
    for one in (graph, *all_subgraphs(graph)):
        layers = {node for node, weight in _candidates(one.nodes) if weight.name in chosen}
        nodes: list[Node] = []
        for node in one.nodes:
            nodes += _replaced(node, made) if node in layers else [node]
        one.nodes = nodes


def _replaced(node: Node, made: dict[Any, list[Value]]) -> Iterator[Node]:
    """The nodes in its place, of which the last one makes its output."""
    weight, operands = weight_of(node), _operands(node, made)
    if node.row.name == "embedding":
        rows, width = map(int, weight.shape)
        inputs = [*operands[:2], node.inputs[1]]
        yield _moved(node, "quantized_embedding", inputs, {"rows": rows, "width": width})
        return
    input, _, _, residual = node.inputs
    attributes = {name: item for name, item in node.attributes.items() if name != "groups"}
    attributes["columns"] = int(weight.shape[0])
    if node.row.name == "linear":
        yield _moved(node, "quantized_linear", [input, *operands, residual], attributes)
    elif _is_pointwise(node):
        yield from _pointwise(node, operands, attributes)
    else:
        attributes["kernel"] = tuple(weight.shape[1:3])
        yield _moved(node, "quantized_conv2d", [input, *operands, residual], attributes)


def _is_pointwise(node: Node) -> bool:
    """Whether each pixel is a row of a linear layer."""
    return tuple(weight_of(node).shape[1:3]) == (1, 1) and not any(node.attributes["padding"])


def _operands(node: Node, made: dict[Any, list[Value]]) -> list[Value]:
    """Constants; the weights of two layers that differ in bias are stored once."""
    weight, bias = weight_of(node), bias_of(node)
    dilation = tuple(node.attributes.get("dilation", ()))
    data, offset = data_of(weight), None if bias is None else data_of(bias)
    if (weight, bias, dilation) not in made:
        tensors: Packed
        if node.row.name != "conv2d":
            tensors = packed(data, offset)
        elif _is_pointwise(node):
            tensors = packed(data.flatten(1), offset)
        else:
            tensors = packed_kernel(data, offset, dilation)
        made[weight, bias, dilation] = [
            constant(f"{weight.name}_{name}", item) for name, item in tensors._asdict().items()
        ]
    return made[weight, bias, dilation]


def _moved(node: Node, row: str, inputs: list[Value | None], attributes: dict[str, Any]) -> Node:
    """The same node with another row."""
    node.row, node.inputs, node.attributes = ROWS[row], inputs, attributes
    return node


def _pointwise(node: Node, operands: list[Value], attributes: dict[str, Any]) -> Iterator[Node]:
    """A linear layer over the pixels that the stride meets, each with its own range."""
    input, *_, residual = node.inputs
    output = node.output
    assert input is not None
    for axis, step in zip((2, 3), attributes["stride"], strict=True):
        if step != 1:
            size = output.shape[axis]
            bounds = {"dim": axis, "start": 0, "end": input.shape[axis], "step": step}
            shape = (*input.shape[:axis], size, *input.shape[axis + 1 :])
            view = _made(node, "slice", [input], bounds, shape, f"strided_{axis}")
            yield view
            input = view.output
    pixels = _permuted(node, input, "pixels")
    yield pixels
    more = None
    if residual is not None:
        more = _permuted(node, residual, "residual")
        yield more
    kept = {name: attributes[name] for name in ("columns", "activation", "low", "high")}
    shape = tuple(output.shape[axis] for axis in TO_PIXELS)
    inputs = [pixels.output, *operands, None if more is None else more.output]
    product = _made(node, "quantized_linear", inputs, kept, shape, "product")
    yield product
    yield _moved(node, "permute", [product.output], {"dims": TO_IMAGE})


def _permuted(node: Node, value: Value, name: str) -> Node:
    shape = tuple(value.shape[axis] for axis in TO_PIXELS)
    return _made(node, "permute", [value], {"dims": TO_PIXELS}, shape, name)


def _made(
    node: Node,
    row: str,
    inputs: list[Value | None],
    attributes: dict[str, Any],
    shape: tuple[Dim, ...],
    name: str,
) -> Node:
    """A new node in the place of `node`."""
    value = Value(f"{node.output.name}_{name}", node.output.dtype, shape)
    made = Node(ROWS[row], inputs, attributes, [value], node.origin)
    value.producer = made
    return made


DYNAMIC = Way("dynamic", _weights, _apply)
