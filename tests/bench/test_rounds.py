"""The rounds themselves: a tiny model through artefacts, browser and checks, without any peer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from support.models import Net

from bench import artefacts, native, rounds
from bench.artefacts import Unavailable, reason
from bench.models import MODELS
from bench.models.model import Model
from bench.peers.convert import dynamic_shapes
from bench.results import Results
from bench.rounds import Turn
from bench.systems import SYSTEMS, System
from wasm_torch_web.verify import exchange


def tiny() -> Model:
    return Model(Net().eval(), (torch.randn(2, 3),))


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A model of the bench, with a folder of its own for what is made of it."""
    monkeypatch.setitem(MODELS, "tiny", tiny)
    monkeypatch.setattr(artefacts, "FOLDER", tmp_path)
    monkeypatch.setitem(rounds.FOLDERS, "/models/", tmp_path)
    return "tiny"


def test_turns_are_taken_and_checked(model: str) -> None:
    broken = System("broken", "Broken", "package", "/bench/nothing.js")
    turns = [
        Turn(model, SYSTEMS["ours"], 1),
        Turn(model, broken, 1),
        Turn(model, SYSTEMS["ours"], 2),
    ]
    results, said = Results({}), list[str]()
    rounds.prepare(turns, results, said.append)
    assert said == []
    with ThreadPoolExecutor(1) as thread:  # this one may have a Playwright already
        thread.submit(rounds.run, turns, 2, results, said.append).result()
    one, two, bad = (results.of(model, key) for key in ("ours-1", "ours-2", "broken-1"))
    assert one.ok and two.ok and len(one.visits) == len(two.visits) == 2
    assert all(visit["run"] > 0 and visit["load"] > 0 for visit in one.visits)
    assert one.files["runtime"] > 250_000 and one.files["compressed"] < one.files["runtime"] / 2
    assert "nothing.js" in bad.failure and not bad.visits
    assert len(said) == 2 * 2 + 1  # what failed is not tried again
    assert results.browser.startswith("Chromium")


def test_wrong_outputs_are_found(model: str) -> None:
    artefacts.prepare(model, "reference")
    outputs = artefacts.expected(model)
    assert rounds._error(model, exchange.encode(outputs)) == 0
    off = {"0": outputs["0"] + 0.5}
    assert rounds._error(model, exchange.encode(off)) > 1e-2
    assert rounds._error(model, exchange.encode({})) == float("inf")


def test_artefacts_are_made_once_for_their_content(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def fails(name: str, path: Path) -> None:
        made.append(name)
        raise Unavailable("no such operator")

    monkeypatch.setitem(artefacts.MAKERS, "onnx", fails)
    for _ in range(2):
        with pytest.raises(Unavailable, match="no such operator"):
            artefacts.prepare(model, "onnx")
    assert made == ["tiny"]
    monkeypatch.setitem(artefacts.KEYS, "onnx", lambda name: "another")
    with pytest.raises(Unavailable):
        artefacts.prepare(model, "onnx")
    assert made == ["tiny", "tiny"]


def test_reasons_name_the_error() -> None:
    said = "Traceback:\n  File x\ntorch.onnx.OnnxExporterError: no aten::foo\nSee the docs\n"
    assert reason(said) == "torch.onnx.OnnxExporterError: no aten::foo"
    assert reason("killed\n\n") == "killed"
    assert reason("") == "failed"


def test_pytorch_is_timed_alike(model: str) -> None:
    visit, outputs = native._visit(model, compiled=False)
    assert len(visit.runs) >= 3 and min(visit.runs) > 0
    artefacts.prepare(model, "reference")
    assert rounds._error(model, outputs) == 0


def test_dynamic_axes_reach_the_converters() -> None:
    module = Net().eval()
    assert dynamic_shapes(Model(module, ())) is None
    given = dynamic_shapes(Model(module, (), dynamic=("x.1=length:1..256",)))
    assert given is not None
    axis = given[0][1]
    assert (axis.__name__, axis.min, axis.max) == ("length", 2, 256)


def test_rounds_alternate_the_order() -> None:
    turns = [Turn(m, SYSTEMS[s], 1) for m in ("a", "b") for s in ("ours", "ort")]
    assert [t.key for t in rounds._ordered(turns, backwards=True)] == ["ort-1", "ours-1"] * 2
    assert list(rounds._ordered(turns, backwards=False)) == turns
