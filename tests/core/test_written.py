"""Random programs of choices and loops: those are refused of which a way through reads what it has
not written."""

from __future__ import annotations

import io
import random
from types import SimpleNamespace
from typing import Any

import checking
import torch
from support.native import Library
from support.plans import F32, Sections, copy_to, mark

from wasm_torch_web.format.plan import PlanWriter
from wasm_torch_web.format.weights import Segment
from wasm_torch_web.ir import Graph, Port, Value
from wasm_torch_web.passes.layout import choose_layouts

PROGRAMS = 800
PLACES = 5  # values; the first is the input
COPY, CHOOSE, OTHERWISE, REPEAT, TEST, END = range(6)
Step = tuple[Any, ...]  # (COPY, from, to), (CHOOSE, one way, other way), (REPEAT, always, perhaps)


class TooEarly(Exception):
    """Something is read that need not have been written."""


def written(block: list[Step], before: set[int]) -> set[int]:
    """What has been written for sure behind the block."""
    now = set(before)
    for kind, first, second in block:
        if kind == COPY:
            if first not in now:
                raise TooEarly
            now.add(second)
        elif kind == CHOOSE:
            now |= written(first, now) & written(second, now)
        else:
            now = written(first, now)
            written(second, now)
    return now


def block(draw: random.Random, now: set[int], depth: int = 3) -> list[Step]:
    """Mostly reads what has been written for sure; `now` grows by what it writes, sure or not."""
    steps: list[Step] = []
    for _ in range(draw.randrange(4)):
        if depth and draw.random() < 0.5:
            kind = draw.choice([CHOOSE, REPEAT])
            first = block(draw, now if kind == REPEAT else set(now), depth - 1)
            steps.append((kind, first, block(draw, set(now), depth - 1)))
            continue
        first = draw.choice(sorted(now) if draw.random() < 0.95 else range(PLACES))
        second = draw.choice([place for place in range(PLACES) if place != first])
        steps.append((COPY, first, second))
        now.add(second)
    return steps


def base() -> tuple[bytes, bytes]:
    """A plan of one copy between each two places, and a node of each kind of control."""
    graph = Graph()
    always = Value("always", torch.bool, (), "constant", torch.tensor(True))
    x = Value("x", F32, (3,), "input")
    graph.inputs = [Port("x", "tensor", x)]
    places = [x, *(copy_to(graph, x, None) for _ in range(PLACES - 1))]
    for name in ("choose", "otherwise", "repeat", "test", "end"):
        mark(graph, name, *([always] if name in ("choose", "test") else []))
    graph.outputs = [Port("output", "tensor", places[-1])]
    choose_layouts(graph)
    weights = io.BytesIO()
    writer = PlanWriter(Segment(weights))
    writer.program("forward", graph)
    return writer.finish(), weights.getvalue()


def nodes(p: Sections, steps: list[Step], values: list[int], known: list[Any]) -> list[Any]:
    """The block as nodes of a plan."""
    found = []
    for kind, first, second in steps:
        if kind == COPY:
            refs = p.ref(values[first], values[second])
            found.append(SimpleNamespace(**vars(known[COPY]) | {"refs": refs}))
            continue
        middle = known[OTHERWISE] if kind == CHOOSE else known[TEST]
        parts = [nodes(p, part, values, known) for part in (first, second)]
        found += [known[kind], *parts[0], middle, *parts[1], known[END]]
    return found


def test_what_is_written_on_every_way(library: Library) -> None:
    draw, (plan, weights) = random.Random(7), base()
    refused = 0
    for _ in range(PROGRAMS):
        p = Sections(plan)
        copies = [node for node in p.nodes if node.control == 0]
        values = [p.io[0].ref, *(p.refs[node.refs + 1].index for node in copies)]
        known = [copies[0], *p.nodes[len(copies) :]]
        steps, output = block(draw, {0}), draw.randrange(PLACES)
        try:
            right = output in written(steps, {0})
        except TooEarly:
            right = False
        p.io[1].ref = values[output]
        p.nodes = nodes(p, steps, values, known)
        p.programs[0].nodes = len(p.nodes)
        failure = checking.refusal(library, p.pack(), weights)
        assert (failure is None) == right, (steps, failure)
        refused += not right
    assert PROGRAMS / 4 < refused < PROGRAMS * 3 / 4
