"""A lowered graph in, which of its outputs follow from random numbers out; and the numbers of the
package's own stream in PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy
import torch

from wasm_torch_web.format import writer
from wasm_torch_web.interpreter import Interpreter
from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.ops.random import STATE
from wasm_torch_web.verify.reference import Flat, Reference
from wasm_torch_web.verify.trials import example_sizes

Drawn = set[Value | sympy.Symbol]


def mark_drawn(graph: Graph) -> None:
    """Sets `drawn` of the outputs that differ from run to run on the same inputs and states."""
    drawn: Drawn = set()
    known = -1
    while known < len(drawn):  # a state may be drawn by a node that comes after its readers
        known = len(drawn)
        for node in graph.nodes:
            if node.row.name == "random" or _follows(node, drawn):
                drawn.update(node.outputs)
        drawn.update(symbol.symbol for symbol in graph.symbols if symbol.value in drawn)
        drawn.update(state for state, value in graph.updates if value in drawn)
    for port in graph.outputs:
        port.drawn = port.value in drawn if port.kind == "tensor" else _mentions(port.value, drawn)


def _follows(node: Node, drawn: Drawn) -> bool:
    """Whether an operand, an attribute or a size of the node is drawn."""
    sizes = [size for output in node.outputs for size in output.shape]
    numbers = [*node.attributes.values(), *sizes]
    return any(value in drawn for value in node.inputs) or _mentions(numbers, drawn)


def _mentions(item: Any, drawn: Drawn) -> bool:
    if isinstance(item, (list, tuple)):
        return any(_mentions(one, drawn) for one in item)
    return isinstance(item, sympy.Basic) and not drawn.isdisjoint(item.free_symbols)


def interpreter_for(graph: Graph, inputs: Flat) -> Interpreter:
    """At the sizes of these inputs, before the first run."""
    sizes = example_sizes(writer.described(graph), inputs)
    known = {s.symbol: sizes[s.name] for s in graph.symbols if s.name in sizes}
    return Interpreter(graph, known)


def begun(graph: Graph, inputs: Flat) -> Interpreter:
    """At the sizes of these inputs, before the first run; what is drawn follows from the seed of
    PyTorch's own generator."""
    interpreter = interpreter_for(graph, inputs)
    for state, _ in graph.updates:
        if state.name == STATE:
            interpreter.states[state] = torch.tensor(torch.initial_seed(), dtype=torch.int64)
    return interpreter


@dataclass(frozen=True)
class Replay:
    """A Reference: eager PyTorch, and where outputs are drawn, what PyTorch makes of the numbers
    that the package draws after it was loaded. `graph` is one that no pass has changed."""

    eager: Reference
    graph: Graph

    def __call__(self, runs: Sequence[Flat]) -> list[Flat]:
        """Raises UserError model-failed."""
        interpreter = interpreter_for(self.graph, runs[0])
        drawn = [port.name for port in self.graph.outputs if port.drawn]
        replayed = (interpreter.run(run) for run in runs)
        return [
            {**outputs, **{name: ours[name] for name in drawn}}
            for outputs, ours in zip(self.eager(runs), replayed, strict=True)
        ]
