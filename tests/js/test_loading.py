"""Loading in Chromium when things go wrong, and on later visits: what is kept, what is fetched
again, and the code of what cannot be mended."""

from __future__ import annotations

import itertools
import math
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, Page
from starlette.routing import Mount
from support.browser import tab
from support.faulty import Faulty
from support.ports import free_port
from torch import Tensor, nn

from wasm_torch_web.bundle import entry
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format import weights
from wasm_torch_web.pipeline import build
from wasm_torch_web.serving import Files, application, running

PAGE = Path(__file__).with_name("loading_page")
SUPPORT = Path(__file__).parents[1] / "support"
WIDTH, LAYERS = 512, 6
INPUT = torch.tensor([math.sin(i * 12.9898) for i in range(WIDTH)])
PLACES = [{}, {"worker": False}]
Facts = dict[str, Any]


class Deep(nn.Module):
    """Weights of a MiB a layer; `seed` decides those of the last one. The first two more are stored
    as float16, which holds them exactly."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.halves = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(2))
        for layer in self.halves:
            layer.weight.data = layer.weight.data.half().float()
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))
        torch.manual_seed(seed)
        nn.init.normal_(self.layers[-1].weight, std=0.05)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (*self.halves, *self.layers):
            x = torch.relu(layer(x))
        return x


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages `first`, `second` (a new version, with another last layer) and `other`, in
    shards of a MiB."""
    out = tmp_path_factory.mktemp("loading")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights, "SHARD_BYTES", 1 << 20)
        for path, name, seed in (("first", "deep", 1), ("second", "deep", 2), ("other", "else", 1)):
            model = Deep(seed).eval()
            build(model, (INPUT[None],), out=out / path, name=name, verify=False)
    return out


@dataclass
class Site:
    """A server of the packages, and a tab that is on its page."""

    page: Page
    url: str
    first: Faulty
    second: Faulty
    other: Faulty

    def call(self, name: str, argument: object = None) -> Facts:
        return call(self.page, name, argument)

    def load(self, folder: str = "first", **options: Any) -> Facts:
        return self.call("load", {"folder": folder, "options": options})

    def visit(self, folder: str = "first", **options: Any) -> Facts:
        """A load that goes well."""
        return good(self.load(folder, **options), 2 if folder == "second" else 1)

    def weights(self) -> list[str]:
        return [name for at in (self.first, self.second, self.other) for name in at.fetched("wei")]

    def next_tab(self) -> Page:
        """Of the same browser profile."""
        opened = self.page.context.new_page()
        opened.goto(self.url)
        opened.wait_for_function("window.visit")
        return opened


def call(page: Page, name: str, argument: object = None) -> Facts:
    facts: Facts = page.evaluate(f"argument => visit.{name}(argument)", argument)
    return facts


def good(facts: Facts, seed: int = 1) -> Facts:
    """The same, having the outputs of PyTorch, and progress that only grows."""
    assert "code" not in facts, facts
    with torch.no_grad():
        expected = Deep(seed)(INPUT)
    torch.testing.assert_close(torch.tensor(facts["output"]), expected, rtol=1e-4, atol=1e-4)
    assert facts["passed"] is True, facts
    reports = facts["reports"]
    for before, after in itertools.pairwise(reports):
        assert all(before[key] <= after[key] for key in ("loaded", "cached", "phase"))
    last = reports[-1]
    assert last["phase"] == "prepare" and last["loaded"] == last["total"] >= LAYERS << 20
    return facts


def cached(facts: Facts) -> float:
    """How much of the model the browser had."""
    last = facts["reports"][-1]
    return float(last["cached"] / last["total"])


@contextmanager
def site(browser: Browser, folder: Path) -> Iterator[Site]:
    faulty = [Faulty(folder / name) for name in ("first", "second", "other")]
    routes = [Mount(f"/{one.folder.name}", one) for one in faulty]
    files = Files(directory=PAGE, html=True)
    with running(application([*routes, Mount("/", files)])) as url, tab(browser) as opened:
        opened.page.goto(url)
        opened.page.wait_for_function("window.visit")
        yield Site(opened.page, url, *faulty)


@pytest.fixture
def at(browser: Browser, folder: Path) -> Iterator[Site]:
    with site(browser, folder) as opened:
        yield opened


def shards(folder: Path) -> int:
    return len(list(folder.glob("weights-*.bin")))


def files_to_keep(folder: Path) -> int:
    """The shards, the plan and the golden data."""
    return shards(folder) + 2


def test_shards_come_side_by_side(at: Site, folder: Path) -> None:
    assert shards(folder / "first") > 5
    stored = manifests.read(folder / "first")["weights"]
    assert sum(shard["bytes"] for shard in stored["shards"]) == stored["bytes"] - (1 << 20)
    at.first.seconds = 0.02
    at.visit(cache=False)
    assert at.first.most >= 3


# Later visits


@pytest.mark.parametrize("options", PLACES)
def test_the_second_visit_fetches_no_weights(at: Site, folder: Path, options: Facts) -> None:
    assert cached(at.visit(**options)) == 0
    assert len(at.weights()) == shards(folder / "first")
    assert len(at.call("kept")) == files_to_keep(folder / "first")
    assert cached(at.visit(**options)) == 1
    assert at.weights() == []


def test_nothing_is_kept_or_used_unasked(at: Site, folder: Path) -> None:
    at.visit(cache=False)
    assert at.page.evaluate("caches.keys()") == []
    at.visit()
    before = at.call("kept")
    at.weights()
    assert cached(at.visit(cache=False)) == 0
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
    at.visit()
    assert len(at.call("kept")) < shards(folder / "first")
    at.weights()
    at.visit()
    assert at.weights()
    session.send("Storage.overrideQuotaForOrigin", {"origin": quota["origin"]})
    at.visit()
    assert len(at.call("kept")) == files_to_keep(folder / "first")


def test_a_page_without_storage_loads(at: Site) -> None:
    session = at.page.context.new_cdp_session(at.page)
    forbid = (
        "Object.defineProperty(self, 'caches', "
        "{ get() { throw new DOMException('disabled', 'SecurityError'); } })"
    )
    session.send("Page.addScriptToEvaluateOnNewDocument", {"source": forbid})
    at.page.reload()
    at.page.wait_for_function("window.visit")
    assert cached(at.visit(worker=False)) == 0


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


@pytest.mark.parametrize("place", [i / 16 for i in range(1, 16)])
def test_a_flipped_byte_in_the_worker_hangs_nothing(at: Site, place: float) -> None:
    at.first.changes["worker.js"] = flipped(place)
    facts = at.load()
    if "code" not in facts:  # the byte means little, or the calling thread has taken over
        good({**facts, "passed": True})
    outcome = facts.get("code", facts.get("passed"))
    assert outcome is True or re.fullmatch(r"WTW\d{3}", str(outcome)), facts
    assert facts["seconds"] < 60


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


class Server:
    """A slow server of the first package in a process of its own, always on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        paths = [str(self.port), str(folder / "first"), str(PAGE), "0.02"]
        self._command = [sys.executable, str(SUPPORT / "package_server.py"), *paths]
        self._spares = [self._spare(), self._spare()]
        self._process: subprocess.Popen[bytes] | None = None

    def _spare(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.Popen(self._command, env=environment, stdin=subprocess.PIPE)

    def start(self) -> None:
        self._process = self._spares.pop()
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        while self._process.poll() is None:
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("the server did not start")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.kill()
        for spare in self._spares:
            spare.kill()
            spare.wait()


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    with closing(Server(folder)) as found:
        found.start()
        yield found


@pytest.mark.parametrize("options", PLACES)
@pytest.mark.parametrize("returns", [True, False])
def test_a_server_that_is_killed(
    browser: Browser, server: Server, returns: bool, options: Facts
) -> None:
    with tab(browser) as opened:
        page = opened.page
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.wait_for_function("window.visit")
        call(page, "begin", {"folder": "package", "options": {**options, "cache": False}})
        call(page, "came", 1 << 20)
        server.kill()
        if returns:
            server.start()
        facts = call(page, "end")
    if returns:
        good(facts)
    else:
        assert facts.get("code") in ("WTW410", "WTW404"), facts
        assert re.search(r"weights-0\d\.bin: .*(byte \d+|Failed to fetch)", facts["message"])
    assert facts["seconds"] < 60


# Ending, elsewhere, otherwise


@pytest.mark.parametrize("options", PLACES)
@pytest.mark.parametrize("when", [{"phase": "download"}, {"phase": "prepare"}, {"after": 0}])
def test_an_abort_ends_every_phase(at: Site, when: Facts, options: Facts) -> None:
    at.first.seconds = 0.0 if when.get("phase") == "prepare" else 0.05
    facts = at.call("abort", {"folder": "first", "options": {**options, "cache": False}, **when})
    assert facts.get("code") == "WTW405", facts
    assert facts["seconds"] < 5
    at.first.seconds = 0
    at.visit()


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
    at.first.seconds = 0.01
    at.call("begin", {"folder": "first"})
    session = at.page.context.new_cdp_session(at.page)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    at.page.wait_for_timeout(1500)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    good(at.call("end"))
