"""Many runs in pages: at once, aborted, with inputs that move; what `diagnose()` tells there."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.engines import Engine
from support.runtime_page import Facts, call, leaving_out, page

from wasm_torch_web.serving.guard import STRICT_CSP
from wasm_torch_web.verify.tab import Tab


@pytest.mark.parametrize("options", [{}, {"threads": 3}, {"worker": False}])
def test_three_models_at_once_give_what_one_gives(
    isolated: Tab, usual: Facts, options: Facts
) -> None:
    assert call(isolated, "threeModels", options) == [usual["bits"]] * 60


def test_inputs_that_are_not_finite(isolated: Tab) -> None:
    facts = call(isolated, "notFinite")
    assert facts["undefined"] == facts["allow"] == [[True] * 5 + [False] * 5] * 2
    nan, infinity = facts["error"]
    assert nan.startswith("WTW515 ") and "input x has NaN at [1, 6]" in nan
    assert infinity.startswith("WTW515 ") and "input x has Infinity at [1, 6]" in infinity


@pytest.mark.parametrize("kind", ["worker", "no worker", "no isolation"])
def test_inputs_move_where_they_may(engine: Engine, packages: Path, kind: str) -> None:
    with page(engine, packages, isolated=kind != "no isolation") as opened:
        facts = call(opened, "transfer", {"worker": kind != "no worker"})
    assert facts["left"] == ([128, 2] if kind == "no worker" else [0, 2])
    shares = engine.threaded and kind != "no isolation"
    assert facts["same"] == [True] * (3 if shares else 1)


@pytest.mark.parametrize("options", [{"threads": 1}, {"threads": 3}, {"variant": "simd128-single"}])
def test_an_endless_run_can_be_ended(engine: Engine, isolated: Tab, options: Facts) -> None:
    # It ends by itself where no memory can be shared.
    argument = {"name": "loop", "count": 2**52 if engine.threaded else 2_000_000, **options}
    assert call(isolated, "abortRuns", argument) == ["WTW405", "WTW405", "done", "done", "done"]
    argument["name"] = "tally"
    refused = ["WTW405", "WTW405", "WTW511", "WTW511", "done"]
    assert call(isolated, "abortRuns", argument) == refused


def test_without_isolation_an_aborted_run_is_left_alone(engine: Engine, packages: Path) -> None:
    with page(engine, packages, isolated=False) as plain:
        argument = {"name": "loop", "count": 2_000_000}
        assert call(plain, "abortRuns", argument) == ["WTW405", "WTW405", "done", "done", "done"]
        refused = ["WTW405", "WTW405", "WTW511", "WTW511", "done"]
        assert call(plain, "abortRuns", {**argument, "name": "tally"}) == refused


def test_helpers_that_die_leave_the_runs_to_the_others(
    engine: Engine, isolated: Tab, usual: Facts
) -> None:
    if not engine.threaded:
        pytest.skip("this engine has no helpers")
    facts = call(isolated, "deadHelpers")
    assert facts["threads"] == 3 and facts["count"] == 2
    assert facts["bits"] == [usual["bits"]] * 21


def test_a_diagnosis_of_an_isolated_page(engine: Engine, isolated: Tab, usual: Facts) -> None:
    facts = call(isolated, "diagnose")
    assert (facts["variant"], facts["threads"]) == (usual["variant"], usual["threads"])
    assert facts["why"] == usual["why"]
    assert facts["facts"]["isolated"] == "yes"
    relaxed = engine.single == "relaxed-single"
    assert facts["facts"]["simd"] == ("relaxed" if relaxed else "SIMD128, not relaxed")
    agent = isolated.evaluate("() => navigator.userAgent")
    assert facts["facts"]["platform"] == agent and agent in facts["text"]


def test_chromium_has_all_that_a_diagnosis_can_tell(engine: Engine, isolated: Tab) -> None:
    if engine.name != "chromium":
        pytest.skip("other engines tell less")
    facts = call(isolated, "diagnose")
    assert facts["advice"] == [] and "GB used of" in facts["text"]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("Cross-Origin-Opener-Policy", "Cross-Origin-Opener-Policy: same-origin"),
        ("Cross-Origin-Embedder-Policy", "Cross-Origin-Embedder-Policy: require-corp"),
    ],
)
def test_a_diagnosis_names_the_header_that_is_missing(
    engine: Engine, packages: Path, header: str, line: str
) -> None:
    with page(engine, packages, wrap=leaving_out(header)) as opened:
        facts = call(opened, "diagnose")
    assert facts["variant"] == engine.single and facts["threads"] == 1
    assert facts["facts"]["isolated"] == f"no: {header} is missing"
    assert any(advice.endswith(f":\n  {line}") for advice in facts["advice"])
    assert all(advice in facts["text"] for advice in facts["advice"])


def test_a_diagnosis_where_a_policy_is_against_wasm(engine: Engine, packages: Path) -> None:
    with page(engine, packages, csp=STRICT_CSP.replace(" 'wasm-unsafe-eval'", "")) as opened:
        facts = call(opened, "diagnose")
    assert facts.get("variant") is None and "'wasm-unsafe-eval'" in facts["text"]
