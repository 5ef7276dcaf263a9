"""The runtime in Chromium: what it chooses, and what it says, in each kind of page."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from starlette.datastructures import MutableHeaders
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from support.browser import tab

from wasm_torch_web.bundle import entry
from wasm_torch_web.serving import Files, application, running
from wasm_torch_web.serving.guard import STRICT_CSP

PAGE = Path(__file__).with_name("page")
Facts = dict[str, Any]


@contextmanager
def page(
    browser: Browser,
    packages: Path,
    wrap: Callable[[ASGIApp], ASGIApp] | None = None,
    **headers: Any,
) -> Iterator[Page]:
    """A page that has imported the packages; `wrap` may change how it is served."""
    names = ("sample", "counter", "loop", "tally")
    folders = {**{f"/{name}": packages / name for name in names}, "/": PAGE}
    routes = [Mount(path, Files(directory=folder, html=True)) for path, folder in folders.items()]
    served = application(routes, **headers)
    with running(wrap(served) if wrap else served) as url, tab(browser) as opened:
        opened.page.goto(url)
        opened.page.wait_for_function("window.runtime")
        yield opened.page


def leaving_out(header: str, file: str = "") -> Callable[[ASGIApp], ASGIApp]:
    """Leaves a header away from one file, or from all, as a careless server would."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def served(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_some(message: Message) -> None:
                if message["type"] == "http.response.start" and scope["path"].endswith(file):
                    del MutableHeaders(scope=message)[header]
                await send(message)

            await app(scope, receive, send_some)

        return served

    return wrap


def call(page: Page, name: str, argument: object = None) -> Facts:
    facts: Facts = page.evaluate(f"argument => runtime.{name}(argument)", argument)
    return facts


@pytest.fixture(scope="module")
def isolated(browser: Browser, packages: Path) -> Iterator[Page]:
    """Cross-origin isolated, with the strict Content-Security-Policy."""
    with page(browser, packages) as opened:
        yield opened


@pytest.fixture(scope="module")
def expected(isolated: Page) -> list[int]:
    facts = call(isolated, "load", {"variant": "relaxed-single"})
    assert facts["passed"]
    bits: list[int] = facts["bits"]
    return bits


def good(facts: Facts, variant: str, threads: int) -> bool:
    return facts.get("passed") and (facts["variant"], facts["threads"]) == (variant, threads)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_number_of_threads_changes_no_bit(
    isolated: Page, expected: list[int], threads: int
) -> None:
    facts = call(isolated, "load", {"threads": threads, "variant": "relaxed-threads"})
    assert good(facts, "relaxed-threads", threads), facts
    assert facts["bits"] == expected


def test_the_best_variant_is_the_default(isolated: Page) -> None:
    facts = call(isolated, "load", {})
    logical = isolated.evaluate("navigator.hardwareConcurrency")
    hyper = logical >= 8 and platform.machine() in ("x86_64", "AMD64")  # see cores.ts
    cores = min(-(-logical // 2) if hyper else logical, 8)
    assert good(facts, "relaxed-threads", cores), facts
    assert facts["why"] == ""


@pytest.mark.parametrize("variant", ["simd128-threads", "simd128-single"])
def test_a_variant_can_be_asked_for(isolated: Page, variant: str) -> None:
    facts = call(isolated, "load", {"variant": variant})
    assert facts["passed"] and facts["variant"] == variant, facts


def test_on_the_calling_thread(isolated: Page, expected: list[int]) -> None:
    facts = call(isolated, "load", {"worker": False})
    assert good(facts, "relaxed-single", 1), facts
    assert facts["bits"] == expected
    assert "calling thread" in facts["why"]


@pytest.mark.parametrize("name", ["classicWorker", "baseUrl"])
def test_other_ways_to_a_worker(isolated: Page, expected: list[int], name: str) -> None:
    facts = call(isolated, name)
    assert facts["bits"] == expected, facts
    assert facts["threads"] > 1 or facts["why"] == "one thread: one core"


def test_a_missing_worker_is_told(isolated: Page) -> None:
    facts = call(isolated, "missingWorker", {})
    assert good(facts, "relaxed-single", 1), facts
    assert "WTW403" in facts["why"] and "/nowhere/worker.js" in facts["why"]
    assert "WTW403" in call(isolated, "missingWorker", {"worker": True})["why"]


def test_models_run_side_by_side(isolated: Page, expected: list[int]) -> None:
    facts = call(isolated, "twoModels")
    assert facts == {"bits": expected, "counts": [2, 4]}


@pytest.mark.parametrize("options", [{}, {"threads": 3}, {"variant": "relaxed-single"}])
def test_three_models_at_once_give_what_one_gives(
    isolated: Page, expected: list[int], options: Facts
) -> None:
    assert call(isolated, "threeModels", options) == [expected] * 60


@pytest.mark.parametrize("kind", ["worker", "no worker", "no isolation"])
def test_inputs_move_where_they_may(browser: Browser, packages: Path, kind: str) -> None:
    with page(browser, packages, isolated=kind != "no isolation") as opened:
        facts = call(opened, "transfer", {"worker": kind != "no worker"})
    assert facts["left"] == ([128, 2] if kind == "no worker" else [0, 2])
    assert facts["same"] == [True] * (1 if kind == "no isolation" else 3)


@pytest.mark.parametrize("options", [{"threads": 1}, {"threads": 3}, {"variant": "simd128-single"}])
def test_an_endless_run_can_be_ended(isolated: Page, options: Facts) -> None:
    argument = {"name": "loop", "count": 2**52, **options}
    assert call(isolated, "abortRuns", argument) == ["WTW405", "WTW405", "done", "done", "done"]
    argument["name"] = "tally"
    refused = ["WTW405", "WTW405", "WTW511", "WTW511", "done"]
    assert call(isolated, "abortRuns", argument) == refused


def test_without_isolation_an_aborted_run_is_left_alone(browser: Browser, packages: Path) -> None:
    with page(browser, packages, isolated=False) as plain:
        argument = {"name": "loop", "count": 2_000_000}
        assert call(plain, "abortRuns", argument) == ["WTW405", "WTW405", "done", "done", "done"]
        refused = ["WTW405", "WTW405", "WTW511", "WTW511", "done"]
        assert call(plain, "abortRuns", {**argument, "name": "tally"}) == refused


def test_helpers_that_die_leave_the_runs_to_the_others(isolated: Page, expected: list[int]) -> None:
    facts = call(isolated, "deadHelpers")
    assert facts["threads"] == 3 and facts["count"] == 2
    assert facts["bits"] == [expected] * 21


def test_a_diagnosis_of_an_isolated_page(isolated: Page) -> None:
    facts = call(isolated, "diagnose")
    loaded = call(isolated, "load", {})
    assert (facts["variant"], facts["threads"]) == (loaded["variant"], loaded["threads"])
    assert facts["why"] == "" and facts["advice"] == []
    assert facts["facts"]["isolated"] == "yes" and facts["facts"]["simd"] == "relaxed"
    assert facts["facts"]["platform"] == isolated.evaluate("navigator.userAgent")
    assert "Chrome/" in facts["text"] and "GB used of" in facts["text"]


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("Cross-Origin-Opener-Policy", "Cross-Origin-Opener-Policy: same-origin"),
        ("Cross-Origin-Embedder-Policy", "Cross-Origin-Embedder-Policy: require-corp"),
    ],
)
def test_a_diagnosis_names_the_header_that_is_missing(
    browser: Browser, packages: Path, header: str, line: str
) -> None:
    with page(browser, packages, wrap=leaving_out(header)) as opened:
        facts = call(opened, "diagnose")
    assert facts["variant"] == "relaxed-single" and facts["threads"] == 1
    assert facts["facts"]["isolated"] == f"no: {header} is missing"
    (advice,) = facts["advice"]
    assert advice.endswith(f":\n  {line}") and advice in facts["text"]


def test_a_diagnosis_where_a_policy_is_against_wasm(browser: Browser, packages: Path) -> None:
    with page(browser, packages, csp=STRICT_CSP.replace(" 'wasm-unsafe-eval'", "")) as opened:
        facts = call(opened, "diagnose")
    assert facts.get("variant") is None and "'wasm-unsafe-eval'" in facts["text"]


def test_errors_keep_their_codes_across_the_worker(isolated: Page) -> None:
    error = call(isolated, "outOfRange")
    assert (error["code"], error["name"]) == ("WTW509", "WtwError")
    assert "embedding: index 10 is out of range for size 10" in error["message"]
    assert error["where"].startswith("embedding at ")


@pytest.mark.parametrize("during_load", [True, False])
def test_a_worker_that_dies_is_told_and_the_next_load_works(
    isolated: Page, expected: list[int], during_load: bool
) -> None:
    facts = call(isolated, "deadWorker", during_load)
    first = facts["errors"][0]
    assert first.startswith("WTW408 ") and "the browser ended it" in first, facts
    assert facts["errors"] == [first] * (1 if during_load else 3)
    assert facts["next"]["bits"] == expected


@pytest.mark.parametrize("worker", [True, False])
def test_memory_is_told(isolated: Page, worker: bool) -> None:
    loaded, ran = call(isolated, "memory", {"worker": worker})
    assert loaded["weights"] == ran["weights"] > 4 * (10 * 64 + 65 * 4096)
    assert loaded["arena"] == 0 < 4 * 2 * 4096 <= ran["arena"]
    assert ran["weights"] + ran["arena"] < ran["total"] < ran["weights"] + ran["arena"] + 2**23


def test_abort(isolated: Page) -> None:
    assert call(isolated, "abort")["code"] == "WTW405"


def test_dispose_returns_what_loading_took(isolated: Page) -> None:
    assert call(isolated, "loadAndDispose", 40)["passed"]


def test_without_isolation_there_is_one_thread(browser: Browser, packages: Path) -> None:
    with page(browser, packages, isolated=False) as plain:
        for options in ({}, {"threads": 2}):
            facts = call(plain, "load", options)
            assert good(facts, "relaxed-single", 1), facts
            assert "Cross-Origin-Embedder-Policy" in facts["why"]
        assert call(plain, "load", {"variant": "relaxed-threads"})["code"] == "WTW409"


def test_without_webcrypto_the_runtime_hashes(browser: Browser, packages: Path) -> None:
    with page(browser, packages) as opened:
        assert call(opened, "withoutWebCrypto")["passed"]


def test_a_page_full_of_memories(browser: Browser, packages: Path) -> None:
    with page(browser, packages) as opened:
        facts = call(opened, "manyMemories")
        assert facts["taken"] > 10 and facts.get("code") == "WTW406", facts


def test_a_policy_against_wasm_is_named(browser: Browser, packages: Path) -> None:
    csp = STRICT_CSP.replace(" 'wasm-unsafe-eval'", "")
    with page(browser, packages, csp=csp) as opened:
        facts = call(opened, "load", {})
        assert facts["code"] == "WTW402" and "'wasm-unsafe-eval'" in facts["message"]


def test_a_policy_against_workers_falls_back(browser: Browser, packages: Path) -> None:
    csp = STRICT_CSP.replace("worker-src 'self'", "worker-src 'none'")
    with page(browser, packages, csp=csp) as opened:
        facts = call(opened, "load", {})
        assert good(facts, "relaxed-single", 1), facts
        assert "worker-src" in facts["why"]


def test_a_worker_without_the_pages_policy_falls_back(browser: Browser, packages: Path) -> None:
    wrap = leaving_out("Cross-Origin-Embedder-Policy", "worker.js")
    with page(browser, packages, wrap=wrap) as opened:
        facts = call(opened, "load", {})
        assert good(facts, "relaxed-single", 1), facts
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
        "runtime-relaxed-single.wasm",
        lambda data: data[:5000],
        "WTW304",
        "runtime-relaxed-single.wasm",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_package_is_refused(
    browser: Browser, packages: Path, tmp_path: Path, damage: str
) -> None:
    name, change, code, text = DAMAGES[damage]
    shutil.copytree(packages, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "sample" / name
    changed = change(path.read_bytes())
    path.unlink()
    if changed is not None:
        path.write_bytes(changed)
    with page(browser, tmp_path, isolated=False) as opened:
        facts = call(opened, "load", {})
    assert facts.get("code") == code and text in facts["message"], facts


def test_a_foreign_runtime_is_refused(browser: Browser, packages: Path, tmp_path: Path) -> None:
    shutil.copytree(packages, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "sample" / "model.json"
    manifest = json.loads(path.read_text()) | {"abi": 9}
    path.write_text(json.dumps(manifest))
    entry.write(path.parent, manifest)  # its hash is right
    with page(browser, tmp_path, isolated=False) as opened:
        facts = call(opened, "load", {})
    assert facts.get("code") == "WTW305" and "ABI 9" in facts["message"], facts
