"""One node of a compiled program and the values it read in, a package of that node alone out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sympy
from torch import Tensor

from wasm_torch_web import bundle, passes
from wasm_torch_web.control import CONTROL, parts_of
from wasm_torch_web.format import writer
from wasm_torch_web.interpreter import Interpreter
from wasm_torch_web.ir import Graph, Node, Port, Value
from wasm_torch_web.verify import golden
from wasm_torch_web.verify.reference import Flat, Reference

Sizes = Mapping[sympy.Symbol, int]


def stands_alone(node: Node) -> bool:
    """Whether a node can be a program: parts of control flow cannot, nor what has no kernel."""
    return node.row.name not in CONTROL and parts_of(node) is None and node.row.view is None


def operands(node: Node) -> list[tuple[str, Value]]:
    """What the node reads that is computed or given, under the names of its row's operands; the
    same value once."""
    found: dict[Value, str] = {}
    for index, value in enumerate(node.inputs):
        if value is None or value.is_constant or value in found:
            continue
        name = node.row.operand(index).name
        found[value] = f"{name}_{index}" if name in found.values() else name
    return [(name, value) for value, name in found.items()]


def alone(node: Node, given: Mapping[str, Tensor], sizes: Sizes) -> Graph:
    """A graph of this node on inputs of the shapes of `given` (by the names of `operands`)."""
    number = Interpreter(Graph(), sizes).number
    new: dict[Value, Value] = {}
    for name, value in operands(node):
        new[value] = Value(name, value.dtype, tuple(given[name].shape), "input")
    for held in node.inputs:
        if held is not None and held.is_constant:
            new[held] = Value(held.name, held.dtype, held.shape, "constant", held.data)
    outputs = [
        Value(f"result_{index}", value.dtype, number(value.shape))
        for index, value in enumerate(node.outputs)
    ]
    attributes = {name: number(item) for name, item in node.attributes.items()}
    inputs = [None if value is None else new[value] for value in node.inputs]
    copy = Node(node.row, inputs, attributes, outputs, node.origin)
    for output in outputs:
        output.producer = copy
    names = [f"output_{index}" for index in range(len(outputs))] if outputs[1:] else ["output"]
    return Graph(
        inputs=[Port(v.name, "tensor", v) for v in new.values() if v.kind == "input"],
        outputs=[Port(name, "tensor", v) for name, v in zip(names, outputs, strict=True)],
        nodes=[copy],
    )


class Meaning:
    """A Reference: what the node's row means in PyTorch."""

    def __init__(self, node: Node, given: Mapping[str, Tensor], sizes: Sizes) -> None:
        self.interpreter = Interpreter(alone(node, given, sizes), {})

    def __call__(self, runs: Sequence[Flat]) -> list[Flat]:
        """No run leaves anything to the next."""
        return [self.interpreter.run(run) for run in runs]


def write_package(
    folder: Path, name: str, node: Node, given: Mapping[str, Tensor], sizes: Sizes
) -> Reference:
    """Makes `folder` a package of the node; its golden data are `given`, as far as they are small.

    Gives what it is compared with.
    """
    reference = Meaning(node, given, sizes)
    graph = alone(node, given, sizes)
    passes.run(graph)
    manifest: dict[str, Any] = writer.write(graph, folder, name=name, version="0.0.0", parameters=0)
    golden.write(folder, manifest, golden.make_cases(manifest, [given], reference))
    bundle.pack(folder)
    return reference
