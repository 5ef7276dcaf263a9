"""Loading in Chromium when things go wrong, and on later visits: what is kept, what is fetched
again, and the code of what cannot be mended."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.browser import tab
from support.loading_page import (
    Facts,
    KillableServer,
    Site,
    addresses_to_keep,
    build_packages,
    cached,
    call,
    good,
    shards,
    site,
)

from wasm_torch_web.bundle import entry
from wasm_torch_web.format import manifest as manifests

PLACES = [{}, {"worker": False}]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See build_packages."""
    out = tmp_path_factory.mktemp("loading")
    build_packages(out)
    return out


@pytest.fixture
def at(browser: Browser, folder: Path) -> Iterator[Site]:
    with site(browser, folder) as opened:
        yield opened


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_shards_come_side_by_side(at: Site, folder: Path) -> None:
    assert shards(folder / "first") > 5
    at.first.limit = 0
    at.call("begin", {"folder": "first"})
    wait_for(lambda: at.first.most >= 3)
    at.first.limit = None
    good(at.call("end"))
    assert at.first.most == 3


# Later visits


@pytest.mark.parametrize("options", PLACES)
def test_the_second_visit_fetches_no_weights(at: Site, folder: Path, options: Facts) -> None:
    assert cached(at.visit(**options)) == 0
    assert len(at.weights()) == shards(folder / "first")
    assert sorted(at.call("kept")) == sorted(addresses_to_keep(folder / "first"))
    assert cached(at.visit(**options)) == 1
    assert at.weights() == []


def test_nothing_is_kept_or_used_unasked(at: Site, folder: Path) -> None:
    at.visit(keeps=False, cache=False)
    assert at.page.evaluate("caches.keys()") == []
    at.visit()
    before = at.call("kept")
    at.weights()
    assert cached(at.visit(keeps=False, cache=False)) == 0
    assert len(at.weights()) == shards(folder / "first")
    assert at.call("kept") == before != []


def test_a_new_version_fetches_what_has_changed(at: Site, folder: Path) -> None:
    at.visit("other")
    at.visit()
    before = set(at.call("kept"))
    at.weights()
    facts = at.visit("second")
    assert 0.5 < cached(facts) < 1
    assert 0 < len(at.weights()) < shards(folder / "second") / 2
    after = set(at.call("kept"))
    assert {url for url in before if "/else/" in url} <= after
    assert len(before - after) == len(after - before) > 0  # the old ones have made room
    at.visit("second")
    at.visit("other")
    assert at.weights() == []


@pytest.mark.parametrize("options", PLACES)
def test_what_is_kept_and_damaged_is_fetched_again(at: Site, folder: Path, options: Facts) -> None:
    at.visit()
    before = at.call("kept")
    at.call("damage")
    at.weights()
    at.visit(**options)
    assert len(at.weights()) == shards(folder / "first")
    assert sorted(at.call("kept")) == sorted(before)
    assert cached(at.visit(**options)) == 1
    assert at.weights() == []


def test_a_full_disk_keeps_no_one_from_loading(at: Site, folder: Path) -> None:
    session = at.page.context.new_cdp_session(at.page)
    quota = {"origin": at.url.rstrip("/"), "quotaSize": 2 << 20}
    session.send("Storage.overrideQuotaForOrigin", quota)
    at.call("watch")
    at.visit(keeps=False, worker=False)
    at.page.wait_for_function("refused.length > 0")
    assert at.page.evaluate("refused") == ["QuotaExceededError"]
    assert len(at.call("kept")) < shards(folder / "first")
    at.weights()
    at.visit(keeps=False)
    assert at.weights()
    session.send("Storage.overrideQuotaForOrigin", {"origin": quota["origin"]})
    at.visit()
    assert sorted(at.call("kept")) == sorted(addresses_to_keep(folder / "first"))


def test_a_page_without_storage_loads(at: Site) -> None:
    session = at.page.context.new_cdp_session(at.page)
    forbid = (
        "Object.defineProperty(self, 'caches', "
        "{ get() { throw new DOMException('disabled', 'SecurityError'); } })"
    )
    session.send("Page.addScriptToEvaluateOnNewDocument", {"source": forbid})
    at.page.reload()
    at.page.wait_for_function("window.visit")
    assert cached(at.visit(keeps=False, worker=False)) == 0


def test_two_tabs_at_once(at: Site, folder: Path) -> None:
    at.first.seconds = 0.005
    tabs = [at.page, at.next_tab(), at.next_tab()]
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
        ("runtime-relaxed-threads.wasm", {"WTW304"}),
    ],
)
def test_a_flipped_byte_is_found(at: Site, name: str, codes: set[str], place: float) -> None:
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
        assert name != "worker.js" and facts["message"]
    else:
        assert outcome is True or re.fullmatch(r"WTW\d{3}", str(outcome)), facts


def test_damage_that_only_a_cache_on_the_way_has_is_mended(at: Site) -> None:
    for name in ("model.json", "weights-03.bin", "runtime-relaxed-threads.wasm"):
        first = iter([flipped(0.5)])
        at.first.changes[name] = lambda data, first=first: next(first, bytes)(data)
    at.visit()


@pytest.mark.parametrize(
    "name", ["model.json", "plan.bin", "weights-02.bin", "runtime-relaxed-threads.wasm"]
)
def test_a_missing_file_is_named(at: Site, name: str) -> None:
    at.first.changes[name] = lambda data: None
    facts = at.load()
    assert facts.get("code") == "WTW303" and name in facts["message"], facts


def test_files_of_two_versions_are_told(at: Site, folder: Path) -> None:
    text = (folder / "second/model.json").read_bytes()
    at.first.changes["model.json"] = lambda data: text
    facts = at.load()
    assert facts.get("code") == "WTW304" and "model.json" in facts["message"], facts


@pytest.fixture
def server(folder: Path) -> Iterator[KillableServer]:
    with closing(KillableServer(folder)) as found:
        found.start(limit=str(2 << 20))
        yield found


@pytest.mark.parametrize("options", PLACES)
@pytest.mark.parametrize("returns", [True, False])
def test_a_server_that_is_killed(
    browser: Browser, server: KillableServer, returns: bool, options: Facts
) -> None:
    with tab(browser) as opened:
        page = opened.page
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.wait_for_function("window.visit")
        call(page, "begin", {"folder": "package", "options": {**options, "cache": False}})
        server.wait_until_silent()
        server.kill()
        if returns:
            server.start()
        facts = call(page, "end")
    if returns:
        good(facts)
    else:
        assert facts.get("code") in ("WTW410", "WTW404"), facts
        assert re.search(r"weights-0\d\.bin: .*(byte \d+|Failed to fetch)", facts["message"])


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
def test_files_that_the_page_has(at: Site, folder: Path, kind: str, options: Facts) -> None:
    files = entry.assets(manifests.read(folder / "first"))
    argument = {"folder": "first", "files": files, "kind": kind, "options": options}
    facts = good(at.call("contents", argument))
    names = dict(zip(files, facts["sizes"], strict=True))
    assert all(names[name] == (folder / "first" / name).stat().st_size for name in files)
    assert at.call("kept") == []  # they are at hand anyway


def test_large_files_that_the_page_has_are_checked(at: Site, folder: Path) -> None:
    files = entry.assets(manifests.read(folder / "first"))
    at.first.changes["weights-00.bin"] = flipped(0.5)
    argument = {"folder": "first", "files": files, "kind": "ArrayBuffer"}
    facts = at.call("contents", argument)
    assert facts.get("code") == "WTW304" and "weights-00.bin" in facts["message"], facts


def test_a_hidden_tab_loads(at: Site) -> None:
    at.first.limit = 2 << 20
    at.call("begin", {"folder": "first"})
    wait_for(at.first.waits)
    session = at.page.context.new_cdp_session(at.page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    at.first.limit = None
    at.page.wait_for_timeout(1500)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    good(at.call("end"))
