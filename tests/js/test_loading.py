"""Loading when things go wrong, and on later visits: what is kept, what is fetched again, and the
code of what cannot be mended."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.engines import Engine
from support.faulty import START_PAGE
from support.loading import (
    PLACES,
    Facts,
    Site,
    addresses_to_keep,
    cached,
    call,
    go,
    good,
    shards,
    site,
    wait_until,
)

from wasm_torch_web.bundle import entry
from wasm_torch_web.format import manifest as manifests


@pytest.fixture
def at(engine: Engine, loadable: Path) -> Iterator[Site]:
    with site(engine, loadable) as opened:
        yield opened


def test_shards_come_side_by_side(at: Site, loadable: Path) -> None:
    assert shards(loadable / "first") > 5
    stored = manifests.read(loadable / "first")["weights"]
    assert sum(shard["bytes"] for shard in stored["shards"]) == stored["bytes"] - (1 << 20)
    at.first.limit = 0
    at.call("begin", {"folder": "first"})
    wait_until(lambda: at.first.most >= 3)
    at.first.limit = None
    good(at.call("end"))
    assert at.first.most < shards(loadable / "first")  # a file's end is heard of a little early


# Later visits


@pytest.mark.parametrize("options", PLACES)
def test_the_second_visit_fetches_no_weights(at: Site, loadable: Path, options: Facts) -> None:
    assert cached(at.visit(**options)) == 0
    assert len(at.weights()) == shards(loadable / "first")
    assert sorted(at.call("kept")) == sorted(addresses_to_keep(loadable / "first"))
    assert cached(at.visit(**options)) == 1
    assert at.weights() == []


def test_nothing_is_kept_or_used_unasked(at: Site, loadable: Path) -> None:
    at.visit(keeps=False, cache=False)
    assert at.tab.evaluate("() => caches.keys()") == []
    at.visit()
    before = at.call("kept")
    at.weights()
    assert cached(at.visit(keeps=False, cache=False)) == 0
    assert len(at.weights()) == shards(loadable / "first")
    assert at.call("kept") == before != []


def test_a_new_version_fetches_what_has_changed(at: Site, loadable: Path) -> None:
    at.visit("other")
    at.visit()
    before = set(at.call("kept"))
    at.weights()
    facts = at.visit("second")
    assert 0.5 < cached(facts) < 1
    assert 0 < len(at.weights()) < shards(loadable / "second") / 2
    after = set(at.call("kept"))
    assert {url for url in before if "/else/" in url} <= after
    assert len(before - after) == len(after - before) > 0  # the old ones have made room
    at.visit("second")
    at.visit("other")
    assert at.weights() == []


@pytest.mark.parametrize("options", PLACES)
def test_what_is_kept_and_damaged_is_fetched_again(
    at: Site, loadable: Path, options: Facts
) -> None:
    at.visit()
    before = at.call("kept")
    at.call("damage")
    at.weights()
    at.visit(**options)
    assert len(at.weights()) == shards(loadable / "first")
    assert sorted(at.call("kept")) == sorted(before)
    assert cached(at.visit(**options)) == 1
    assert at.weights() == []


def test_a_page_without_storage_loads(at: Site) -> None:
    go(at.tab, f"{at.url}/?without-storage")
    assert cached(at.visit(keeps=False, worker=False)) == 0


def test_two_tabs_at_once(at: Site, loadable: Path) -> None:
    at.first.seconds = 0.005
    tabs = [at.tab, at.next_tab(), at.next_tab()]
    for one, package in zip(tabs, ("first", "first", "second"), strict=True):
        call(one, "begin", {"folder": package})
    for one, seed in zip(tabs, (1, 1, 2), strict=True):
        good(call(one, "end"), seed)
    at.first.seconds = 0
    at.visit()
    at.weights()
    assert cached(at.visit()) == 1
    assert at.weights() == []


# What goes wrong


def flipped(place: float) -> Callable[[bytes], bytes]:
    def flip(data: bytes) -> bytes:
        at = int(place * len(data))
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

    return flip


@pytest.mark.parametrize("place", [0.01, 0.5, 0.99])
@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("model.json", {"WTW302", "WTW304"}),
        ("plan.bin", {"WTW304"}),
        ("weights-02.bin", {"WTW304"}),
        ("runtime-{best}.wasm", {"WTW304"}),
    ],
)
def test_a_flipped_byte_is_found(
    engine: Engine, at: Site, name: str, codes: set[str], place: float
) -> None:
    name = name.replace("{best}", engine.variants[0])
    at.first.changes[name] = flipped(place)
    facts = at.load()
    assert facts.get("code") in codes and name in facts["message"], facts
    at.first.changes.clear()
    at.visit()


def test_a_flipped_byte_in_golden_data_is_found(at: Site) -> None:
    at.first.changes["golden.bin"] = flipped(0.1)
    assert at.load()["passed"] == "WTW304"


@pytest.mark.parametrize(
    ("name", "place"),
    [
        (name, i / parts)
        for name, parts in (("worker.js", 16), ("loader.js", 8), ("index.js", 8))
        for i in range(1, parts)
    ],
)
def test_a_flipped_byte_in_a_script_hangs_nothing(at: Site, name: str, place: float) -> None:
    at.first.changes[name] = flipped(place)
    facts = at.load()
    if "output" in facts:  # the byte means little, or the calling thread has taken over
        good({**facts, "passed": True})
    outcome = facts.get("code", facts.get("passed"))
    if outcome is None:  # what the browser says of a script that is none
        assert name != "worker.js" and facts["message"], facts
    else:
        assert outcome is True or re.fullmatch(r"WTW\d{3}", str(outcome)), facts


def test_damage_that_only_a_cache_on_the_way_has_is_mended(engine: Engine, at: Site) -> None:
    for name in ("model.json", "weights-03.bin", f"runtime-{engine.variants[0]}.wasm"):
        first = iter([flipped(0.5)])
        at.first.changes[name] = lambda data, first=first: next(first, bytes)(data)
    at.visit()


@pytest.mark.parametrize(
    "name", ["model.json", "plan.bin", "weights-02.bin", "runtime-{best}.wasm"]
)
@pytest.mark.parametrize("answer", [None, START_PAGE])
def test_a_missing_file_is_named(engine: Engine, at: Site, name: str, answer: bytes | None) -> None:
    name = name.replace("{best}", engine.variants[0])
    at.first.changes[name] = lambda data: answer
    facts = at.load()
    assert facts.get("code") == "WTW303" and name in facts["message"], facts


def test_files_of_two_versions_are_told(at: Site, loadable: Path) -> None:
    text = (loadable / "second/model.json").read_bytes()
    at.first.changes["model.json"] = lambda data: text
    facts = at.load()
    assert facts.get("code") == "WTW304" and "model.json" in facts["message"], facts


# Ending, elsewhere, otherwise


@pytest.mark.parametrize("options", PLACES)
@pytest.mark.parametrize("when", [{"phase": "download"}, {"phase": "prepare"}, {"after": 0}])
def test_an_abort_ends_every_phase(at: Site, when: Facts, options: Facts) -> None:
    at.first.seconds = 0.0 if when.get("phase") == "prepare" else 0.05
    facts = at.call("abort", {"folder": "first", "options": {**options, "cache": False}, **when})
    assert facts.get("code") == "WTW405", facts
    phases = [report["phase"] for report in facts["reports"]]
    assert phases.count(when.get("phase")) == ("phase" in when)  # nothing is heard after an abort
    at.first.seconds = 0
    at.visit()


@pytest.mark.parametrize("options", PLACES)
def test_a_listener_that_throws_stops_nothing(at: Site, options: Facts) -> None:
    facts = good(at.call("throwing", {"folder": "first", "options": options}))
    assert len(facts["heard"]) == len(facts["reports"]) > 0
    assert all("a listener of its own" in message for message in facts["heard"])


@pytest.mark.parametrize("kind", ["File", "ArrayBuffer", "Uint8Array"])
@pytest.mark.parametrize("options", PLACES)
def test_files_that_the_page_has(at: Site, loadable: Path, kind: str, options: Facts) -> None:
    files = entry.assets(manifests.read(loadable / "first"))
    argument = {"folder": "first", "files": files, "kind": kind, "options": options}
    facts = good(at.call("contents", argument))
    names = dict(zip(files, facts["sizes"], strict=True))
    assert all(names[name] == (loadable / "first" / name).stat().st_size for name in files)
    assert at.call("kept") == []  # they are at hand anyway


def test_large_files_that_the_page_has_are_checked(at: Site, loadable: Path) -> None:
    files = entry.assets(manifests.read(loadable / "first"))
    at.first.changes["weights-00.bin"] = flipped(0.5)
    argument = {"folder": "first", "files": files, "kind": "ArrayBuffer"}
    facts = at.call("contents", argument)
    assert facts.get("code") == "WTW304" and "weights-00.bin" in facts["message"], facts
