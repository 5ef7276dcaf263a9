"""Where bytes flow in, nodes that compute with them out."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from wasm_torch_web.ir import Node, Value
from wasm_torch_web.ops import ROWS
from wasm_torch_web.ops.integers import STEPS, Packed, packed
from wasm_torch_web.ops.quantized_convolution import packed_kernel
from wasm_torch_web.ops.quantized_depthwise import Depthwise, packed_depthwise
from wasm_torch_web.quantize.flow import Flow
from wasm_torch_web.quantize.grid import Grid, rounded
from wasm_torch_web.quantize.layers import residual_of
from wasm_torch_web.quantize.readers import bias_of, constant, data_of, weight_of


class Maker:
    """Changes the graph of a flow in place."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.nodes: list[Node] = []
        self.bytes: dict[Value, Value] = {}
        self.weights: dict[tuple[Value, Any], Value] = {}

    def run(self) -> None:
        """Every node in turn; what is read as bytes and as floats is both."""
        flow = self.flow
        for port in flow.graph.inputs:
            if isinstance(port.value, Value):
                self.to_bytes(port.value)
        for node in flow.graph.nodes:
            if node in flow.layers:
                self.layer(node)
            elif node in flow.passing:
                self.passed_on(node)
            else:
                self.nodes.append(node)
                for value in node.outputs:
                    self.to_bytes(value)
        flow.graph.nodes = self.nodes

    # --- between floats and bytes ---

    def to_bytes(self, value: Value) -> None:
        """Of floats, where something reads bytes."""
        if value not in self.flow.wanted:
            return
        grid = self.flow.grid(value)
        bounds = {"low": 0, "high": STEPS, "dtype": torch.uint8}
        attributes = {"inverse": rounded(1 / grid.scale), "zero": grid.zero, **bounds}
        node = Node(ROWS["quantize"], [value], attributes, [self.byte_value(value)])
        if value.producer is not None:
            node.origin = value.producer.origin
        self.add(node)

    def to_floats(self, value: Value, origin: Any) -> None:
        """Of bytes, where something reads floats."""
        if value in self.flow.as_floats:
            grid = self.flow.grid(value)
            attributes = {"scale": grid.scale, "zero": grid.zero}
            self.add(Node(ROWS["dequantize"], [self.bytes[value]], attributes, [value], origin))

    def byte_value(self, value: Value) -> Value:
        made = Value(f"{value.name}_bytes", torch.uint8, value.shape)
        self.bytes[value] = made
        return made

    def add(self, node: Node) -> None:
        for output in node.outputs:
            output.producer = node
        self.nodes.append(node)

    # --- nodes ---

    def passed_on(self, node: Node) -> None:
        """A node that gives the numbers that it gets."""
        value = node.output
        inputs: list[Value | None] = [self.bytes[v] for v in node.inputs if v is not None]
        self.add(Node(node.row, inputs, node.attributes, [self.byte_value(value)], node.origin))
        self.to_floats(value, node.origin)

    def layer(self, node: Node) -> None:
        """A product or a depthwise convolution."""
        value, gives_bytes = node.output, self.flow.gives_bytes(node)
        output = self.byte_value(value) if gives_bytes else value
        make = self.depthwise if node.row.name == "depthwise_conv2d" else self.product
        row, inputs, attributes = make(node, self.flow.grid(value) if gives_bytes else None)
        self.add(Node(ROWS[row], inputs, attributes, [output], node.origin))
        if gives_bytes:
            self.to_floats(value, node.origin)
        else:
            self.to_bytes(value)

    def depthwise(self, node: Node, output: Grid | None) -> tuple[str, list[Value | None], Any]:
        operands = depthwise_operands(node, self.flow)
        assert operands is not None and output is not None
        source, _ = self.source(node)
        grid = self.flow.grid(node.inputs[0] or source)
        clamp = _as_clamp(node.attributes, output)
        bounds = (max(clamp["low"], 0), min(clamp["high"], STEPS))
        attributes = {
            **{name: node.attributes[name] for name in ("stride", "padding", "dilation")},
            "zero": grid.zero,
            "output_zero": output.zero,
            "low": round(bounds[0]),
            "high": round(bounds[1]),
        }
        constants = [
            constant(f"{node.output.name}_{name}", data)
            for name, data in operands._asdict().items()
        ]
        return "static_depthwise_conv2d", [source, *constants], attributes

    def product(self, node: Node, output: Grid | None) -> tuple[str, list[Value | None], Any]:
        """Floats as they are, or steps of the output's grid."""
        source, weight = self.source(node)
        bias = bias_of(node)
        grid = self.flow.grid(node.inputs[0] or source)
        step = 1.0 if output is None else output.scale
        residual = residual_of(node)
        added = None if residual is None else self.flow.grid(residual)
        offset = torch.zeros(len(weight)) if bias is None else data_of(bias)
        shift = 0.0 if added is None else -added.zero * added.scale
        offset = (offset.double() + shift) / step + (0 if output is None else output.zero)
        attributes = {name: item for name, item in node.attributes.items() if name != "groups"}
        if node.row.name == "conv2d":
            row, kernel = "static_conv2d", tuple(weight.shape[1:3])
            operands = packed_kernel(weight, offset.float(), attributes["dilation"])
            attributes["kernel"] = kernel
        else:
            row, operands = "static_linear", packed(weight, offset.float())
        scale = (operands.scale.double() * (grid.scale / step)).float()
        attributes |= {
            "columns": len(weight),
            "zero": grid.zero,
            "residual_scale": 1.0 if added is None else rounded(added.scale / step),
            "dtype": torch.float32 if output is None else torch.uint8,
        }
        if output is not None:
            attributes |= _as_clamp(attributes, output)
        inputs = [source, *self.constants(node, operands._replace(scale=scale))]
        return row, [*inputs, None if residual is None else self.bytes[residual]], attributes

    def source(self, node: Node) -> tuple[Value, Tensor]:
        """What the layer reads, and its weight."""
        input = node.inputs[0]
        assert input is not None
        return self.bytes[input], data_of(weight_of(node))

    def constants(self, node: Node, operands: Packed) -> list[Value]:
        """A weight that two layers share is stored once."""
        weight = weight_of(node)
        key = weight, operands.weight.shape
        if key not in self.weights:
            self.weights[key] = constant(f"{weight.name}_weight", operands.weight)
        rest = [
            constant(f"{node.output.name}_{name}", data)
            for name, data in operands._asdict().items()
            if name != "weight"
        ]
        return [self.weights[key], *rest]


def depthwise_operands(node: Node, flow: Flow) -> Depthwise | None:
    """Of a depthwise layer of a flow; None where it cannot be one."""
    input, bias = node.inputs[0], bias_of(node)
    assert input is not None
    grids = [flow.grid(value) for value in (input, node.output)]
    offset = None if bias is None else data_of(bias)
    made = packed_depthwise(
        data_of(weight_of(node)), offset, *((grid.scale, grid.zero) for grid in grids)
    )
    return None if made is None else made[0]


def _as_clamp(attributes: dict[str, Any], grid: Grid) -> dict[str, Any]:
    """The activation, which is none or a clamp, in steps of a grid."""
    name = attributes["activation"]
    low, high = {
        "none": (-math.inf, math.inf),
        "relu": (0.0, math.inf),
        "relu6": (0.0, 6.0),
        "clamp": (attributes["low"], attributes["high"]),
    }[name]
    bounds = [rounded(end / grid.scale + grid.zero) for end in (low, high)]
    return {"activation": "clamp", "low": bounds[0], "high": bounds[1]}
