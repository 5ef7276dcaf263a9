"""Aggregation: medians, ratios, what counts; and what is shown of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import publish
from bench.chart import chart
from bench.publish import inserted
from bench.results import Measured, Results, load, summary
from bench.tables import Grid, grids
from wasm_torch_web.benchmark.figures import geometric_mean, median, percentile
from wasm_torch_web.benchmark.visit import Visit

CORE = ["small", "large"]


def measured(*runs: float, **fields: Any) -> Measured:
    """A system whose turns had these medians."""
    one = Measured(**fields)
    for run in runs:
        one.add(Visit(100.0, 3 * run, [run, run / 2, 2 * run], 10_000_000))
    return one


@pytest.fixture
def results() -> Results:
    """Two models; a third on which one peer failed and another gave wrong outputs."""
    machine = {"processor": "A <fast> one", "cores": 2, "system": "Linux", "date": "2026-01-02"}
    files = {"runtime": 300_000, "compressed": 90_000, "model": 5_000_000}
    models = {
        "small": {"ours-1": measured(1, 2, 30, files=files), "ort-1": measured(4, 5, 4)},
        "large": {"ours-1": measured(10, 10, 10), "ort-1": measured(90, 90, 10)},
        "odd": {
            "ours-1": measured(3),
            "ort-1": measured(1, error=0.5),
            "litert-1": Measured(failure="RuntimeError: no such | operator"),
        },
    }
    return Results(machine | {"versions": {"torch": "2"}}, "Chromium 1", models)


def test_figures() -> None:
    assert median([3, 1, 2]) == 2
    assert [percentile([5, 1, 4, 2, 3], p) for p in (0, 20, 50, 90, 100)] == [1, 1, 3, 5, 5]
    assert geometric_mean([1, 4]) == pytest.approx(2)


def test_a_system_counts_with_the_median_of_its_turns(results: Results) -> None:
    one = results.of("small", "ours-1")
    assert one.ms() == 2
    assert one.cold() == 106
    assert one.megabytes() == 10
    assert measured(1).visits == [{"load": 100, "first": 3, "run": 1, "memory": 10_000_000}]


def test_ratios_leave_out_what_failed_or_differs(results: Results) -> None:
    ratios = results.ratios(results.models, "ort-1", "ours-1")
    assert ratios == {"small": 2.0, "large": 9.0}
    assert results.ratios(results.models, "litert-1", "ours-1") == {}
    mean, least, worst = summary(ratios)
    assert mean == pytest.approx(18**0.5)
    assert (least, worst) == (2.0, "small")


def test_results_survive_their_file(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path / "results.json")
    assert load(tmp_path / "results.json") == results


def test_grids_show_times_ratios_and_reasons(results: Results) -> None:
    shown = {grid.title: grid for grid in grids(results, CORE)}
    speed = shown["1 thread: ms a run, and how many times ours"]
    assert speed.heads == ("model", "wasm-torch-web", "LiteRT.js", "onnxruntime-web")
    assert speed.rows == [
        ("small", "2.0", "", "4.0 (2.00x)"),
        ("large", "10.0", "", "90.0 (9.00x)"),
        ("odd", "3.0", "failed", "differs by 5e-01"),
        ("the eleven: mean", "", "", "4.24x"),
        ("the eleven: least", "", "", "2.00x"),
        ("all: mean", "", "", "4.24x"),
        ("all: least", "", "", "2.00x"),
    ]
    assert shown["Code that a page fetches"].rows == [
        ("wasm-torch-web", "1", "300.0 kB", "90.0 kB")
    ]
    reason = "RuntimeError: no such | operator"
    assert shown["What did not run"].rows == [("odd", "litert-1", reason)]


def test_models_come_in_the_order_of_the_registry(results: Results) -> None:
    results.arrange(["odd", "unmeasured", "small"])
    speed, *_ = grids(results, CORE)
    assert [row[0] for row in speed.rows[:2]] == ["odd", "small"]
    assert list(results.models) == ["odd", "small"]


def test_the_page_is_published_in_that_order(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {name: tmp_path / name for name in ("results.json", "page.md", "chart.svg")}
    monkeypatch.setattr(publish, "ROOT", tmp_path)
    monkeypatch.setattr(publish, "PAGE", files["page.md"])
    monkeypatch.setattr(publish, "CHART", files["chart.svg"])
    monkeypatch.setattr(publish, "MODELS", {"odd": None, "large": None, "small": None})
    monkeypatch.setattr("sys.argv", ["publish", str(files["results.json"])])
    results.save(files["results.json"])
    files["page.md"].write_text(f"{publish.BEGIN}\n{publish.END}\n")
    publish.main()
    for file, cell in ((files["page.md"], "| {} |"), (files["chart.svg"], ">{}<")):
        text = file.read_text()
        places = [text.index(cell.format(name)) for name in ("odd", "large", "small")]
        assert places == sorted(places)


def test_markdown_keeps_its_columns() -> None:
    lines = Grid("T", ("a", "b"), [("x", "no | y")]).markdown().splitlines()
    assert lines == ["### T", "", "| a | b |", "| --- | --: |", "| x | no \\| y |"]


def test_chart_is_a_picture_of_all_models(results: Results) -> None:
    root = ElementTree.fromstring(chart(results))
    words = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"small", "large", "odd", "1 thread", "LiteRT.js: not run"} <= set(words)
    assert "90.0 ms, 9.00x" in words
    bars = [node for node in root.iter("{http://www.w3.org/2000/svg}rect") if node.get("x")]
    ort = [bar for bar in bars if bar.get("class") == "ort" and bar.get("height") == "10"]
    short, long = (float(bar.get("width", "")) for bar in ort)
    assert long / short == pytest.approx(4.5, rel=0.01)


def test_publishing_replaces_only_the_results() -> None:
    page = "# Words\n<!-- results -->\nold\n<!-- end of results -->\nmore\n"
    new = inserted(page, "new\n")
    assert new == "# Words\n<!-- results -->\nnew\n<!-- end of results -->\nmore\n"
    assert inserted(new, "new\n") == new
