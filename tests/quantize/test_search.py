"""Copies of graphs, sensitivities of layers, and mixes on the path between them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wasm_torch_web import passes
from wasm_torch_web.capture import export_module
from wasm_torch_web.compiler import lowered
from wasm_torch_web.control import all_subgraphs
from wasm_torch_web.copying import Copy, copied
from wasm_torch_web.errors import UserError
from wasm_torch_web.format.writer import described
from wasm_torch_web.ir import Graph
from wasm_torch_web.progress import Silent
from wasm_torch_web.quantize.apply import apply, offers
from wasm_torch_web.quantize.choice import Choice, choose
from wasm_torch_web.quantize.drift import measure, worst
from wasm_torch_web.quantize.reference import Quantized
from wasm_torch_web.quantize.search import path
from wasm_torch_web.quantize.sensitivity import Layer, sensitivities, spread
from wasm_torch_web.quantize.size import plain_bytes, stored_bytes
from wasm_torch_web.quantize.spec import KINDS, Spec, spec_of
from wasm_torch_web.verify.reference import Flat

X = torch.randn(5, 64, generator=torch.Generator().manual_seed(2))


class Layers(nn.Module):
    """Linear layers in a row, of which the last two are inside branches, and a count of runs."""

    runs: Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(64, 96), nn.Linear(96, 64)
        self.yes, self.no = nn.Linear(64, 64), nn.Linear(64, 64)
        self.register_buffer("runs", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        y = self.second(self.first(x).relu()) * self.runs
        z: Tensor = torch.cond(y.sum() > 0, self.yes.forward, self.no.forward, (y,))
        return z


@pytest.fixture(scope="module")
def graph() -> Graph:
    found = lowered(export_module(Layers().eval(), (X,), {}))
    passes.run(found, passes.SIMPLIFY)
    return found


RUNS: list[Flat] = [{"x": X}, {"x": -X}, {"x": X * 2}]
ASKED = Spec("auto")


def outputs(graph: Graph) -> list[Flat]:
    return [Quantized(graph)([run])[0] for run in RUNS]


def told(graph: Graph) -> list[str]:
    """What can be compared of a graph and those inside it."""
    every = (graph, *all_subgraphs(graph))
    nodes = [(node.row.name, node.inputs, node.outputs) for one in every for node in one.nodes]
    return [*map(str, nodes), str(described(graph)["programs"]), str(graph.updates)]


def test_a_copy_is_the_same_and_its_own(graph: Graph) -> None:
    before = told(graph)
    copy = Copy(graph)
    assert told(copy.graph) == before
    for a, b in zip(outputs(graph), outputs(copy.graph), strict=True):
        assert torch.equal(torch.as_tensor(a["output"]), torch.as_tensor(b["output"]))
    assert not set(graph.values()) & set(copy.graph.values())
    names = {name for name in offers(graph, ASKED)}
    apply(copy.graph, dict.fromkeys(names, "dynamic"), {})
    passes.run(copy.graph, passes.ARRANGE)
    assert told(graph) == before
    inner = [node.row.name for one in all_subgraphs(graph) for node in one.nodes]
    assert inner.count("linear") == 2


def test_a_layer_alone_is_a_whole_run_with_it(graph: Graph) -> None:
    found = offers(graph, ASKED)
    layers = sensitivities(graph, found, {}, RUNS, plain_bytes(graph))
    assert {(one.weight, one.way) for one in layers} == {
        (name, way) for name in found for way in KINDS["auto"]
    }
    for layer in layers:
        alone = copied(graph)
        apply(alone, {layer.weight: layer.way}, {})
        whole = measure(Quantized(graph), Quantized(alone), RUNS, frozenset())
        assert layer.error == pytest.approx(worst(whole), rel=1e-9)
        assert layer.saved > 0
    first = {one.way: one for one in layers if "first" in one.weight}
    assert 0 < first["fp16"].error < first["dynamic"].error
    assert first["fp16"].saved < first["dynamic"].saved


def test_what_is_run_is_spread_over_all() -> None:
    runs: list[Flat] = [{"n": n} for n in range(10)]
    assert [one["n"] for one in spread(runs, 4)] == [0, 3, 6, 9]
    assert spread(runs[:2], 4) == runs[:2]


LAYERS = [
    Layer("a", "fp16", 1e-4, 100),
    Layer("a", "int8", 2e-2, 150),
    Layer("b", "fp16", 1e-4, 10),
    Layer("b", "int8", 1e-3, 15),
    Layer("c", "int8", math.inf, 1000),
    Layer("d", "worse", 3e-2, 90),  # int8 saves more and moves less
    Layer("d", "int8", 1e-3, 100),
]


def test_the_path_takes_what_costs_least_first() -> None:
    way = path(LAYERS)
    mixes = [dict(way.mix(count)) for count in range(len(way.steps) + 1)]
    assert mixes[0] == {} and mixes[-1] == {"a": "int8", "b": "int8", "d": "int8"}
    assert [step.weight + step.way for step in way.steps] == [
        "afp16",
        "bfp16",
        "dint8",
        "bint8",
        "aint8",
    ]
    slopes = [step.slope for step in way.steps]
    assert slopes == sorted(slopes)
    assert [way.saved(count) for count in range(6)] == [0, 100, 110, 210, 215, 265]
    assert [way.first(saving) for saving in (-5, 1, 101, 265, 266)] == [0, 1, 2, 5, None]


@pytest.mark.parametrize("most", range(-1, 6))
def test_the_last_good_step_is_found(most: int) -> None:
    asked: list[int] = []

    def good(count: int) -> bool:
        asked.append(count)
        return count <= most

    assert path(LAYERS).last(good) == (None if most < 0 else most)
    assert len(asked) <= 4


def test_no_layers_have_a_path_of_no_steps() -> None:
    assert path([]).mix(0) == {} and path([]).last(lambda count: True) == 0


def chosen(graph: Graph, spec: Spec, **given: Any) -> Choice:
    return choose(graph, Quantized(graph), RUNS[0], spec, Silent(), RUNS, **given)


def test_auto_is_as_small_as_the_error_allows(graph: Graph) -> None:
    sizes = []
    for limit in (0.0, 1e-4, 5e-3, 0.05):
        found = chosen(graph, Spec("auto", max_error=limit))
        assert worst(found.drift) <= limit
        sizes.append(stored_bytes(found.graph))
    assert sizes == sorted(sizes, reverse=True)
    # Weights of a branch that no run takes can be rounded at no cost.
    assert 0.8 < sizes[0] / stored_bytes(graph) < 1 and sizes[-1] < 0.35 * sizes[0]
    # float16 costs 1e-4, eight bits 1e-2, four bits more than what a single layer may
    ways = {one.way for one in found.weights if not one.kept}
    assert "dynamic" in ways <= {"dynamic", "int4"} and found.layers


def test_the_default_limit_holds(graph: Graph) -> None:
    assert worst(chosen(graph, Spec("auto")).drift) <= 0.01


def test_a_target_gets_the_most_accurate_mix_that_fits(graph: Graph) -> None:
    whole = stored_bytes(graph)
    errors = []
    for share in (1.0, 0.8, 0.55, 0.4, 0.3):
        found = chosen(graph, Spec("auto", target=int(share * whole)))
        assert stored_bytes(found.graph) <= share * whole
        errors.append(worst(found.drift))
    assert errors == sorted(errors) and errors[0] == 0
    assert {"fp16", "dynamic"} > {
        w.way for w in chosen(graph, Spec("fp16", target=int(0.8 * whole))).weights if not w.kept
    }


def test_a_target_that_cannot_be_says_what_can(graph: Graph) -> None:
    with pytest.raises(UserError) as caught:
        chosen(graph, Spec("fp16", target=1000))
    assert caught.value.slug == "quantize-size"
    least = stored_bytes(chosen(graph, Spec("fp16")).graph)
    assert f"{least / 1000:.1f} kB at least" in caught.value.message


def test_accuracy_limits_the_search(graph: Graph) -> None:
    def judge(tried: Choice) -> float:
        return 1 - len(tried.spec.mix or {}) / 4

    for least, count in ((1.0, 0), (0.5, 2), (0.0, 4)):
        found = chosen(graph, Spec("auto", min_accuracy=least), judge=judge)
        assert len(found.spec.mix or {}) == count


def test_a_mix_is_read_back(graph: Graph) -> None:
    found = chosen(graph, Spec("auto", max_error=5e-3))
    entry = found.entry()
    again = spec_of({"quantized": entry})
    assert again is not None and dict(again.mix or {}) == dict(found.spec.mix or {})
    assert spec_of({}) is None
