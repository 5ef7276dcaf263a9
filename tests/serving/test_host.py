"""Models within a budget of memory; requests that are joined give what they give alone."""

from __future__ import annotations

from typing import Any

import numpy
import pytest
from support.served import Packages

from wasm_torch_web.errors import UserError, WtwError
from wasm_torch_web.serving.api.host import LEAST_BYTES, TRIALS, Event, Host

NAMES = ("classifier", "centred", "counter", "root")


@pytest.fixture
def events() -> list[Event]:
    return []


def host(packages: Packages, events: list[Event], memory: int = 1 << 30, **more: Any) -> Host:
    named = {name: packages(name) for name in NAMES}
    return Host(named, memory, 30.0, tell=events.append, **more)


def rows(count: int, width: int, seed: int = 0) -> dict[str, Any]:
    numbers = numpy.random.default_rng(seed).standard_normal((count, width))
    return {"x": numbers.astype("float32")}


def told(events: list[Event], kind: str) -> list[str]:
    return [event["model"] for event in events if event["event"] == kind]


def test_the_least_used_makes_room(packages: Packages, events: list[Event]) -> None:
    probe = host(packages, [])
    heaps = [probe.load(name).model.memory_bytes for name in NAMES]
    two = host(packages, events, memory=2 * max(heaps) + LEAST_BYTES // 2)
    for name in ("classifier", "root", "classifier", "centred"):
        two.run(name, [rows(1, 8 if name == "classifier" else 3)], join=False)
    assert list(two.loaded) == ["classifier", "centred"]
    assert told(events, "model-load") == ["classifier", "root", "centred"]
    assert told(events, "model-unload") == ["root"]
    two.run("root", [rows(1, 3)], join=False)
    assert told(events, "model-unload") == ["root", "classifier"]


def test_a_model_that_does_not_fit_at_all(packages: Packages, events: list[Event]) -> None:
    with pytest.raises(UserError, match="WTW406"):
        host(packages, events, memory=1 << 20).load("classifier")


def test_a_load_is_told_with_its_hashes(packages: Packages, events: list[Event]) -> None:
    found = host(packages, events)
    manifest = found.load("classifier").model.manifest
    [event] = events
    assert event["sha256"]["plan"] == manifest["plan"]["sha256"]
    shards = {one["file"]: one["sha256"] for one in manifest["weights"]["shards"]}
    assert event["sha256"]["weights"] == shards
    assert len(event["sha256"]["runtime"]) == 64


def test_joined_requests_give_what_they_give_alone(packages: Packages, events: list[Event]) -> None:
    found = host(packages, events)
    requests = [rows(count, 8, seed=count) for count in (1, 3, 2)]
    alone = found.run("classifier", requests, join=False)
    for left in (*reversed(range(TRIALS)), 0):
        joined = found.run("classifier", requests, join=True)
        assert found.loaded["classifier"].trials == left
        for one, other in zip(joined, alone, strict=True):
            assert not isinstance(one, WtwError) and not isinstance(other, WtwError)
            assert one["scores"] == pytest.approx(other["scores"], abs=1e-5)
            assert numpy.array_equal(one["best"], other["best"])


def test_rows_that_depend_on_one_another_are_found_out(
    packages: Packages, events: list[Event]
) -> None:
    found = host(packages, events)
    requests = [rows(count, 3, seed=count) for count in (2, 3)]
    for _ in range(2):
        for outcome, values in zip(found.run("centred", requests, True), requests, strict=True):
            assert not isinstance(outcome, WtwError)
            wanted = values["x"] - values["x"].mean(0)
            assert outcome["output"] == pytest.approx(wanted, abs=1e-5)
    assert told(events, "model-not-joinable") == ["centred"]


def test_models_with_state_are_not_joined(packages: Packages, events: list[Event]) -> None:
    found = host(packages, events)
    zeros = {"x": numpy.zeros((1, 3), "float32")}
    for outcome in found.run("counter", [zeros] * 4, join=True):
        assert not isinstance(outcome, WtwError)
        assert (outcome["output"] == 1).all()


def test_a_request_that_fails_fails_alone(packages: Packages, events: list[Event]) -> None:
    found = host(packages, events)
    requests = [rows(1, 8), rows(65, 8), rows(1, 8)]
    outcomes = found.run("classifier", requests, join=True)
    assert [isinstance(outcome, WtwError) for outcome in outcomes] == [False, True, False]


def test_numbers_that_are_not_finite(packages: Packages, events: list[Event]) -> None:
    requests = [{"x": numpy.array([[value] * 3], "float32")} for value in (4, numpy.nan, -4)]
    allowed = host(packages, events).run("root", requests, join=False)
    assert not any(isinstance(outcome, WtwError) for outcome in allowed)
    strict = host(packages, events, on_invalid="error")
    one, two, three = strict.run("root", requests, join=False)
    assert not isinstance(one, WtwError) and (one["output"] == 2).all()
    assert isinstance(two, WtwError) and two.slug == "input-not-finite"
    assert "input x has nan at [0, 0]" in str(two)
    assert isinstance(three, WtwError) and three.slug == "output-not-finite"
    assert "output output has nan at [0, 0]" in str(three)
