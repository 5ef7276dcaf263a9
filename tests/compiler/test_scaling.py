"""Passes stay linear: four times as many nodes are looked at about four times as often."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from wasm_torch_web import passes
from wasm_torch_web.builder import Builder
from wasm_torch_web.ir import Graph, Node, Port, Value

WIDTH = 4


class Watched(Node):
    """A node that counts how often its inputs are looked at."""

    looks = 0

    @property
    def inputs(self) -> Any:
        Watched.looks += 1
        return self.__dict__["inputs"]

    @inputs.setter
    def inputs(self, values: list[Value | None]) -> None:
        self.__dict__["inputs"] = values


def network(blocks: int) -> Graph:
    """Blocks with something to do for every pass; each has a state of its own."""
    graph = Graph()
    builder = Builder(graph, FakeTensorMode(shape_env=ShapeEnv()))

    def value(name: str, kind: str) -> Value:
        data = torch.ones(WIDTH, WIDTH)
        fake = builder.fake_mode.from_tensor(data, static_shapes=True)
        return builder.value(name, fake, kind, data)

    def linear(x: Value, weight: Value) -> Any:
        return builder.call("aten.linear.default", input=x, weight=weight, bias=None)

    x = value("x", "input")
    graph.inputs.append(Port("x", "tensor", x))
    for block in range(blocks):
        weight, state = value(f"weight{block}", "constant"), value(f"state{block}", "state")
        again = [
            builder.call("aten.relu.default", self=linear(x, weight)),
            builder.call("aten.relu.default", self=linear(x, weight)),
        ]
        same = builder.call("aten.mul.Tensor", self=again[1], other=1)
        x = builder.call("aten.add.Tensor", self=linear(same, weight), other=again[0])
        graph.updates.append((state, builder.call("aten.add.Tensor", self=state, other=x)))
    graph.outputs.append(Port("y", "tensor", x))
    return graph


def looks(blocks: int) -> int:
    graph = network(blocks)
    for node in graph.nodes:
        node.__class__ = Watched
    Watched.looks = 0
    steps: Counter[str] = Counter()
    for step in passes.run(graph):
        steps[step.name] += step.changes
    assert steps["merge_duplicates"] >= blocks and steps["remove_noops"] == blocks
    assert steps["fuse_activation"] == steps["fuse_residual"] == blocks
    assert steps["update_in_place"] == blocks
    return Watched.looks


def test_passes_are_linear() -> None:
    assert looks(80) < 5 * looks(20)
