"""The arena: buffers that live at the same time lie apart, in little more than they add up to."""

from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.native import Library, NativeModel
from support.plans import emit
from torch import Tensor

from wasm_torch_web.format.plan import PlanWriter
from wasm_torch_web.format.weights import Segment
from wasm_torch_web.ir import Graph, Port, Value
from wasm_torch_web.passes.layout import choose_layouts

LINE = 16  # floats of a cache line, in which buffers are counted


@dataclass
class Network:
    """Nodes that join two earlier vectors; what nobody reads comes out."""

    size: int
    pairs: list[tuple[int, int]]

    def outputs(self) -> list[int]:
        """The vectors that nobody reads."""
        read = {index for pair in self.pairs for index in pair}
        return [i for i in range(1, len(self.pairs) + 1) if i not in read]

    def expected(self, x: Tensor) -> list[Tensor]:
        """The outputs in PyTorch."""
        values = [x]
        for a, b in self.pairs:
            values.append(torch.cat([values[a], values[b]]))
        return [values[i] for i in self.outputs()]

    def plan(self) -> bytes:
        """The same for the runtime."""
        graph = Graph()
        values = [Value("x", torch.float32, (self.size,), "input")]
        graph.inputs = [Port("x", "tensor", values[0])]
        for a, b in self.pairs:
            shape = (int(values[a].numel) + int(values[b].numel),)
            values += emit(graph, "cat", [values[a], values[b]], [shape], dim=0)
        graph.outputs = [Port(f"o{i}", "tensor", values[i]) for i in self.outputs()]
        choose_layouts(graph)
        writer = PlanWriter(Segment(io.BytesIO()))
        writer.program("forward", graph)
        return writer.finish()


@st.composite
def networks(draw: st.DrawFn) -> Network:
    count = draw(st.integers(1, 9))
    pairs = [(draw(st.integers(0, i)), draw(st.integers(0, i))) for i in range(count)]
    return Network(draw(st.integers(1, 40)), pairs)


@settings(deadline=None, max_examples=200)
@given(network=networks())
def test_no_live_buffer_is_written_over(library: Library, network: Network) -> None:
    model = NativeModel(library, network.plan(), b"")
    x = torch.randn(network.size, generator=torch.Generator().manual_seed(0))
    expected = network.expected(x)
    for result, wanted in zip(model.run([x], len(expected)), expected, strict=True):
        assert isinstance(result, Tensor) and torch.equal(result, wanted)
    live = library.c.wtw_live_bytes(model.session)
    assert 4 * sum(tensor.numel() for tensor in expected) <= live
    assert live <= library.c.wtw_arena_bytes(model.session)
    model.close()


@pytest.mark.parametrize(
    ("pairs", "lines"),
    [
        ([(0, 0)], 1 + 2),
        ([(0, 0), (1, 1)], 2 + 4),  # the input is dead
        ([(0, 0), (1, 0)], 1 + 2 + 3),
        ([(0, 0), (0, 0), (2, 0)], 1 + 2 + 2 + 3),  # vector 1 is an output
    ],
)
def test_what_lives_at_once(library: Library, pairs: list[tuple[int, int]], lines: int) -> None:
    model = NativeModel(library, Network(LINE, pairs).plan(), b"")
    model.bind([torch.zeros(LINE)])
    assert library.c.wtw_live_bytes(model.session) == 4 * LINE * lines
    assert library.c.wtw_arena_bytes(model.session) == 4 * LINE * lines
    model.close()
