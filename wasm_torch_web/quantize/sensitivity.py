"""How far the outputs move when one weight alone is stored in fewer bits.

Each weight and way is a run of the simplified graph in PyTorch, from the first node that differs
on: what comes before it is computed once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from wasm_torch_web.control import parts_of
from wasm_torch_web.copying import Copy
from wasm_torch_web.drawn import begun
from wasm_torch_web.interpreter import Interpreter
from wasm_torch_web.ir import Graph, Node, Value
from wasm_torch_web.quantize.apply import Offers, apply
from wasm_torch_web.quantize.drift import Meter, worst
from wasm_torch_web.quantize.way import Ranges
from wasm_torch_web.verify.reference import Flat

MOST_RUNS = 4
KEPT_BYTES = 1 << 30  # of what the runs' nodes gave; one run is kept whatever it takes

Part = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Layer:
    """A weight in one way, the others as they were.

    Attributes:
        error: of the output that moves most, the norm of the difference relative to its own;
            infinite where it is no number.
        saved: bytes in the files, next to the weight as it was.
    """

    weight: str
    way: str
    error: float
    saved: int

    def to_json(self) -> dict[str, Any]:
        """For `--json`, which has no infinity."""
        error = self.error if math.isfinite(self.error) else None
        return {"weight": self.weight, "way": self.way, "relError": error, "saved": self.saved}


@dataclass(frozen=True)
class _Trace:
    """A run of the graph as it was: what each value held, and the outputs."""

    sizes: dict[Any, int]
    values: dict[Value, Tensor]
    outputs: Flat


def sensitivities(
    graph: Graph,
    found: Offers,
    ranges: Ranges,
    runs: Sequence[Flat],
    plain: dict[str, int],
    part: Part = lambda done, total, text: None,
) -> list[Layer]:
    """Every weight in every way that can take it and saves something; `plain` are the bytes that
    weights take in the files as they are. Uses up to MOST_RUNS of the runs, spread over all."""
    drawn = frozenset(port.name for port in graph.outputs if port.drawn)
    todo = [
        one
        for offered in found.values()
        for one in offered.values()
        if not one.kept and one.stored < plain[one.name]
    ]
    traces = _traces(graph, runs) if todo else []
    layers = []
    for done, one in enumerate(todo):
        part(done, len(todo), f"{one.name}: {one.way}")
        copy = Copy(graph)
        apply(copy.graph, {one.name: one.way}, ranges)
        error = _error(graph, copy, traces, drawn)
        layers.append(Layer(one.name, one.way, error, plain[one.name] - one.stored))
    return layers


def spread(runs: Sequence[Flat], count: int) -> list[Flat]:
    """At most so many, evenly from all."""
    step = max(1, math.ceil(len(runs) / count))
    return list(runs[::step])


def _traces(graph: Graph, runs: Sequence[Flat]) -> list[_Trace]:
    traces: list[_Trace] = []
    kept = 0
    for run in spread(runs, MOST_RUNS):
        interpreter = begun(graph, run)
        outputs = interpreter.run(run)
        traces.append(_Trace(interpreter.sizes, interpreter.values, outputs))
        size = sum(tensor.nbytes for tensor in interpreter.values.values())
        kept += size
        if kept + size > KEPT_BYTES:
            break
    return traces


def _error(graph: Graph, copy: Copy, traces: Sequence[_Trace], drawn: frozenset[str]) -> float:
    first = next(_changed(graph, copy), len(copy.graph.nodes))
    meter = Meter(drawn)
    for trace in traces:
        interpreter = Interpreter(copy.graph, trace.sizes)
        interpreter.values = {copy.values[value]: held for value, held in trace.values.items()}
        meter.add(trace.outputs, interpreter.finish(copy.graph.nodes[first:]))
    return worst(meter.found())


def _changed(graph: Graph, copy: Copy) -> Iterator[int]:
    """The numbers of the nodes that differ from those of the graph."""
    pairs = zip(graph.nodes, copy.graph.nodes, strict=False)
    yield from (n for n, (old, new) in enumerate(pairs) if not _same(old, new, copy))


def _same(old: Node, new: Node, copy: Copy) -> bool:
    if old.row is not new.row or len(old.inputs) != len(new.inputs):
        return False
    for a, b in zip(old.inputs, new.inputs, strict=True):
        if a is not b and (a is None or b is not copy.values[a] or a.data is not b.data):
            return False
    inside, copies = parts_of(old), parts_of(new)
    if inside is None or copies is None:
        return old.attributes == new.attributes
    return all(
        len(one.nodes) == len(other.nodes)
        and all(_same(a, b, copy) for a, b in zip(one.nodes, other.nodes, strict=True))
        for one, other in zip(inside.graphs, copies.graphs, strict=True)
    )
