"""The runtime in browsers: what it chooses, and what it says, in each kind of page."""

from __future__ import annotations

import asyncio
import json
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from support.compatibility import record
from support.engines import Engine
from support.faulty import START_PAGE
from support.runtime_page import Facts, call, leaving_out, page

from wasm_torch_web.bundle import entry
from wasm_torch_web.serving.guard import STRICT_CSP
from wasm_torch_web.variants import VARIANTS
from wasm_torch_web.verify.tab import Tab

NO_SHARED_MEMORY = "this browser has no SharedArrayBuffer"


def good(facts: Facts, variant: str, threads: int) -> bool:
    return facts.get("passed") and (facts["variant"], facts["threads"]) == (variant, threads)


def test_the_best_variant_is_the_default(engine: Engine, isolated: Tab, usual: Facts) -> None:
    logical = isolated.evaluate("() => navigator.hardwareConcurrency")
    hyper = logical >= 8 and platform.machine() in ("x86_64", "AMD64")  # see cores.ts
    cores = min(-(-logical // 2) if hyper else logical, 8)
    assert good(usual, engine.variants[0], cores if engine.threaded else 1), usual


def test_why_it_is_no_better_is_true(engine: Engine, isolated: Tab, usual: Facts) -> None:
    assert isolated.evaluate("() => crossOriginIsolated") is True
    shares = isolated.evaluate("() => typeof SharedArrayBuffer") != "undefined"
    assert shares == engine.threaded
    reasons = [] if "relaxed" in engine.single else ["no relaxed SIMD here"]
    reasons += [] if shares else [f"one thread: {NO_SHARED_MEMORY}"]
    assert usual["why"] == "; ".join(reasons)


@pytest.mark.parametrize("asked", VARIANTS)
def test_a_variant_can_be_asked_for(
    engine: Engine, isolated: Tab, usual: Facts, asked: str
) -> None:
    facts = call(isolated, "load", {"variant": asked})
    if asked in engine.variants:
        assert facts.get("passed") and facts["variant"] == asked, facts
        alike = asked.startswith(usual["variant"].split("-")[0])
        assert (facts["bits"] == usual["bits"]) or not alike
        record("page, isolated", engine.version, asked, "passes")
    else:
        relaxed = asked.startswith("relaxed")
        lack = "relaxed SIMD is not available here" if relaxed else NO_SHARED_MEMORY
        assert facts["code"] == "WTW409" and lack in facts["message"], facts
        record("page, isolated", engine.version, asked, lack)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_changes_no_bit(
    engine: Engine, isolated: Tab, usual: Facts, threads: int
) -> None:
    facts = call(isolated, "load", {"threads": threads})
    if engine.threaded and threads > 1:
        assert good(facts, engine.variants[0], threads), facts
    else:
        assert good(facts, engine.single, 1), facts
    assert facts["bits"] == usual["bits"]


def test_on_the_calling_thread(engine: Engine, isolated: Tab, usual: Facts) -> None:
    facts = call(isolated, "load", {"worker": False})
    assert good(facts, engine.single, 1), facts
    assert facts["bits"] == usual["bits"]
    assert "calling thread" in facts["why"]
    record("page, isolated, worker: false", engine.version, facts["variant"], "passes")


def test_no_page_complains(engine: Engine, packages: Path) -> None:
    for isolated in (True, False):
        with page(engine, packages, isolated=isolated) as opened:
            assert call(opened, "load", {})["passed"]
            assert call(opened, "twoModels")["counts"] == [2, 4]
            assert opened.errors == []


def test_a_complaint_is_heard(engine: Engine, packages: Path) -> None:
    """The test before this one can fail."""
    with page(engine, packages) as opened:
        opened.evaluate("() => console.error('a sentence')")
        opened.evaluate("() => void setTimeout(() => { throw new Error('another'); })")
        opened.evaluate("() => new Promise((done) => setTimeout(done, 500))")
        assert any("a sentence" in text for text in opened.errors)
        assert any("another" in text for text in opened.errors)


@pytest.mark.parametrize("name", ["classicWorker", "baseUrl"])
def test_other_ways_to_a_worker(isolated: Tab, usual: Facts, name: str) -> None:
    assert call(isolated, name) == usual


def test_a_missing_worker_is_told(engine: Engine, isolated: Tab) -> None:
    facts = call(isolated, "missingWorker", {})
    assert good(facts, engine.single, 1), facts
    assert "WTW403" in facts["why"] and "/nowhere/worker.js" in facts["why"]
    assert "WTW403" in call(isolated, "missingWorker", {"worker": True})["why"]


Answer = tuple[int, str, Callable[[bytes], bytes]] | None  # status, type, content; or silence
SCRIPT = "text/javascript"
WORKERS: dict[str, Answer] = {
    "status 500": (500, SCRIPT, bytes),
    "a page": (200, "text/html", lambda data: START_PAGE),
    "another type": (200, "text/plain", bytes),
    "the first half": (200, SCRIPT, lambda data: data[: len(data) // 2]),
    "nothing": (200, SCRIPT, lambda data: b""),
    "no answer": None,
}


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_script_that_goes_wrong_is_told(
    engine: Engine, packages: Path, usual: Facts, name: str
) -> None:
    """At once, or where nothing comes of it after 20 s, which take 0.4 here."""
    script = (packages / "sample/worker.js").read_bytes()

    def wrap(app: ASGIApp) -> ASGIApp:
        async def served(scope: Scope, receive: Receive, send: Send) -> None:
            answer = WORKERS[name]
            if scope["path"] != "/sample/worker.js":
                await app(scope, receive, send)
            elif answer is None:
                await asyncio.sleep(3600)
            else:
                status, kind, change = answer
                headers = {"Cross-Origin-Embedder-Policy": "require-corp"}
                response = Response(change(script), status, headers, media_type=kind)
                await response(scope, receive, send)

        return served

    with page(engine, packages, wrap=wrap) as opened:
        call(opened, "hurry")
        facts = call(opened, "load", {})
    assert good(facts, engine.single, 1) and facts["bits"] == usual["bits"], facts
    assert facts["why"].startswith("WTW403"), facts


def test_a_worker_that_hangs_is_left(isolated: Tab, usual: Facts) -> None:
    facts = call(isolated, "hungWorker")
    assert facts["found"] == ["WTW405", "WTW405", "WTW407", "WTW407"]
    assert facts["next"] == usual


def test_models_run_side_by_side(isolated: Tab, usual: Facts) -> None:
    facts = call(isolated, "twoModels")
    assert facts == {"bits": usual["bits"], "counts": [2, 4]}


def test_errors_keep_their_codes_across_the_worker(isolated: Tab) -> None:
    error = call(isolated, "outOfRange")
    assert (error["code"], error["name"]) == ("WTW509", "WtwError")
    assert "embedding: index 10 is out of range for size 10" in error["message"]
    assert error["where"].startswith("embedding at ")


@pytest.mark.parametrize("during_load", [True, False])
def test_a_worker_that_dies_is_told_and_the_next_load_works(
    isolated: Tab, usual: Facts, during_load: bool
) -> None:
    facts = call(isolated, "deadWorker", during_load)
    first = facts["errors"][0]
    assert first.startswith("WTW408 ") and "the browser ended it" in first, facts
    assert facts["errors"] == [first] * (1 if during_load else 3)
    assert facts["next"] == usual


@pytest.mark.parametrize("worker", [True, False])
def test_memory_is_told(isolated: Tab, worker: bool) -> None:
    loaded, ran = call(isolated, "memory", {"worker": worker})
    assert loaded["weights"] == ran["weights"] > 4 * (10 * 64 + 65 * 4096)
    assert loaded["arena"] == 0 < 4 * 2 * 4096 <= ran["arena"]
    assert ran["weights"] + ran["arena"] < ran["total"] < ran["weights"] + ran["arena"] + 2**23


def test_abort(isolated: Tab) -> None:
    assert call(isolated, "abort")["code"] == "WTW405"


def test_dispose_returns_what_loading_took(isolated: Tab) -> None:
    assert call(isolated, "loadAndDispose", 40)["passed"]


def test_without_isolation_there_is_one_thread(engine: Engine, packages: Path) -> None:
    with page(engine, packages, isolated=False) as plain:
        for options in ({}, {"threads": 2}):
            facts = call(plain, "load", options)
            assert good(facts, engine.single, 1), facts
            assert "Cross-Origin-Embedder-Policy" in facts["why"]
        record("page, not isolated", engine.version, facts["variant"], "passes")
        assert call(plain, "load", {"variant": "simd128-threads"})["code"] == "WTW409"


def test_without_webcrypto_the_runtime_hashes(engine: Engine, packages: Path) -> None:
    with page(engine, packages) as opened:
        assert call(opened, "withoutWebCrypto")["passed"]


def test_a_page_full_of_memories(engine: Engine, packages: Path) -> None:
    most = 2000
    with page(engine, packages) as opened:
        facts = call(opened, "manyMemories", most)
    if engine.name == "webkit":  # sets no address space aside
        assert facts["taken"] == most and facts["passed"], facts
    else:
        assert 10 < facts["taken"] < most and facts.get("code") == "WTW406", facts


def test_a_policy_against_wasm_is_named(engine: Engine, packages: Path) -> None:
    csp = STRICT_CSP.replace(" 'wasm-unsafe-eval'", "")
    with page(engine, packages, csp=csp) as opened:
        facts = call(opened, "load", {})
        assert facts["code"] == "WTW402" and "'wasm-unsafe-eval'" in facts["message"]


def test_a_policy_against_workers_falls_back(engine: Engine, packages: Path) -> None:
    csp = STRICT_CSP.replace("worker-src 'self'", "worker-src 'none'")
    with page(engine, packages, csp=csp) as opened:
        facts = call(opened, "load", {})
        assert good(facts, engine.single, 1), facts
        assert "worker-src" in facts["why"]


def test_a_worker_without_the_pages_policy_falls_back(engine: Engine, packages: Path) -> None:
    wrap = leaving_out("Cross-Origin-Embedder-Policy", "worker.js")
    with page(engine, packages, wrap=wrap) as opened:
        facts = call(opened, "load", {})
        assert good(facts, engine.single, 1), facts
        assert "Cross-Origin-Embedder-Policy" in facts["why"]


def flip(data: bytes) -> bytes:
    return data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]


DAMAGES: dict[str, tuple[str, Callable[[bytes], bytes | None], str, str]] = {
    "changed weights": ("weights-00.bin", flip, "WTW304", "block 0 has another SHA-256"),
    "short weights": ("weights-00.bin", lambda data: data[:5000], "WTW304", "bytes instead of"),
    "long weights": ("weights-00.bin", lambda data: data + b"0", "WTW304", "bytes instead of"),
    "missing weights": ("weights-00.bin", lambda data: None, "WTW303", "weights-00.bin"),
    "changed plan": ("plan.bin", lambda data: b"x" + data[1:], "WTW304", "plan.bin"),
    "page for a manifest": ("model.json", lambda data: b"<!doctype html>", "WTW302", "<!doctype"),
    "a foreign format": (
        "model.json",
        lambda data: data.replace(b'"format":4', b'"format":9'),
        "WTW302",
        "format 9",
    ),
    "a damaged runtime": (
        "runtime-{single}.wasm",
        lambda data: data[:5000],
        "WTW304",
        "runtime-{single}.wasm",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_package_is_refused(
    engine: Engine, packages: Path, tmp_path: Path, damage: str
) -> None:
    name, change, code, text = DAMAGES[damage]
    text = text.replace("{single}", engine.single)
    shutil.copytree(packages, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "sample" / name.replace("{single}", engine.single)
    changed = change(path.read_bytes())
    path.unlink()
    if changed is not None:
        path.write_bytes(changed)
    with page(engine, tmp_path, isolated=False) as opened:
        facts = call(opened, "load", {})
    assert facts.get("code") == code and text in facts["message"], facts


def test_a_foreign_runtime_is_refused(engine: Engine, packages: Path, tmp_path: Path) -> None:
    shutil.copytree(packages, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "sample" / "model.json"
    manifest = json.loads(path.read_text()) | {"abi": 9}
    path.write_text(json.dumps(manifest))
    entry.write(path.parent, manifest)  # its hash is right
    with page(engine, tmp_path, isolated=False) as opened:
        facts = call(opened, "load", {})
    assert facts.get("code") == "WTW305" and "ABI 9" in facts["message"], facts
