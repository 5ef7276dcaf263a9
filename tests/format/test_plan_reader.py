"""What Python reads of a plan's memory is what the runtime plans for it."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builds import plain
from support.native import NativeModel
from support.plans import copy_to, emit, mark

from wasm_torch_web.format.plan import PlanWriter
from wasm_torch_web.format.plan_reader import PlanReader
from wasm_torch_web.format.weights import Segment
from wasm_torch_web.ir import Graph, Port, Value, root
from wasm_torch_web.passes.layout import choose_layouts

STEPS = ("cat", "cat", "copy", "write", "choose", "repeat", "next")


@dataclass
class Flow:
    """Vectors that are joined, copied and written over in loops and choices, as drawn.

    `known` are sure to have been written; `open` are what ends the parts around, and how many were
    known before each. No kernel of these takes scratch memory.
    """

    graph: Graph = field(default_factory=Graph)
    known: list[Value] = field(default_factory=list)
    open: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.flag = Value("flag", torch.bool, (), "input")
        self.known = [Value(name, torch.float32, (20,), "input") for name in ("x", "y")]
        self.graph.inputs = [Port(v.name, "tensor", v) for v in (self.flag, *self.known)]

    def step(self, name: str, a: Value, b: Value) -> None:
        """Appends what the name says of two known values."""
        if name == "cat":
            self.known += emit(self.graph, "cat", [a, b], [(a.shape[0] + b.shape[0],)], dim=0)
        elif name == "copy":
            self.known.append(copy_to(self.graph, a, None))
        elif name == "write" and a.shape == b.shape and root(a) is not root(b):
            copy_to(self.graph, a, b)
        elif name == "choose":
            mark(self.graph, "choose", self.flag)
            self.open.append(("otherwise", len(self.known)))
        elif name == "repeat":
            mark(self.graph, "repeat")
            self.open.append(("test", 0))
        elif name == "next" and self.open:
            self.leave()

    def leave(self) -> None:
        """Goes on behind the innermost part."""
        marker, known = self.open.pop()
        if marker == "test":  # what comes before it always runs
            mark(self.graph, marker, self.flag)
            self.open.append(("end", len(self.known)))
            return
        del self.known[known:]
        mark(self.graph, marker)
        if marker == "otherwise":
            self.open.append(("end", known))

    def plan(self) -> bytes:
        """The plan; the last known value comes out."""
        while self.open:
            self.leave()
        self.graph.outputs = [Port("out", "tensor", self.known[-1])]
        choose_layouts(self.graph)
        writer = PlanWriter(Segment(io.BytesIO()))
        writer.program("forward", self.graph)
        return writer.finish()


@st.composite
def plans(draw: st.DrawFn) -> bytes:
    flow = Flow()
    for name in draw(st.lists(st.sampled_from(STEPS), max_size=30)):
        flow.step(name, draw(st.sampled_from(flow.known)), draw(st.sampled_from(flow.known)))
    return flow.plan()


@settings(deadline=None, max_examples=200)
@given(plan=plans())
def test_memory_is_what_the_runtime_plans(plan: bytes) -> None:
    model = NativeModel(plain(), plan, b"")
    model.bind([torch.tensor(False), torch.zeros(20), torch.zeros(20)])
    memory = PlanReader(plan, []).memory()
    assert memory.peak == plain().c.wtw_live_bytes(model.session)
    assert memory.peak <= memory.total
    model.close()
