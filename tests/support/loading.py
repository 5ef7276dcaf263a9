"""Packages of weights in many files and a page that loads them in, visits of it out: what the page
saw, what the server was asked for. In any engine."""

from __future__ import annotations

import hashlib
import itertools
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from starlette.routing import Mount
from support.engines import Engine
from support.faulty import Faulty
from support.ports import free_port
from torch import Tensor, nn

from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format import weights
from wasm_torch_web.pipeline import build
from wasm_torch_web.serving import Files, application, running
from wasm_torch_web.verify.tab import Tab, wait_for

SUPPORT = Path(__file__).parent
PAGE = SUPPORT.parent / "js" / "loading_page"
WIDTH, LAYERS = 512, 6
PLACES = [{}, {"worker": False}]
INPUT = torch.tensor([math.sin(i * 12.9898) for i in range(WIDTH)])
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


def build_packages(out: Path) -> None:
    """`first`, `second` (a new version: another last layer) and `other`, in shards of a MiB."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights, "SHARD_BYTES", 1 << 20)
        for path, name, seed in (("first", "deep", 1), ("second", "deep", 2), ("other", "else", 1)):
            model = Deep(seed).eval()
            build(model, (INPUT[None],), out=out / path, name=name, verify=False)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def shards(folder: Path) -> int:
    return len(list(folder.glob("weights-*.bin")))


def addresses_to_keep(folder: Path) -> list[str]:
    """Of the shards, the plan and the golden data."""
    manifest = manifests.read(folder)
    found = [manifest["plan"]["sha256"], manifest["golden"]["sha256"]]
    for shard in manifest["weights"]["shards"]:
        first, *rest = shard["sha256"]
        joined = hashlib.sha256(",".join((first, *rest)).encode()).hexdigest()
        found.append(joined if rest else first)
    return [f"https://wasm-torch-web.invalid/{manifest['name']}/{key}" for key in found]


@dataclass
class Site:
    """A server of the packages, and a tab that is on its page."""

    tab: Tab
    url: str
    open_tab: Callable[[], Tab]
    first: Faulty
    second: Faulty
    other: Faulty

    def call(self, name: str, argument: object = None) -> Facts:
        return call(self.tab, name, argument)

    def load(self, folder: str = "first", keeps: Sequence[str] = (), **options: Any) -> Facts:
        """The model lives until what it `keeps` is in the cache."""
        argument = {"folder": folder, "options": options, "keeps": list(keeps)}
        return self.call("load", argument)

    def visit(self, folder: str = "first", keeps: bool = True, **options: Any) -> Facts:
        """A load that goes well, and after which the next visit fetches nothing."""
        package = getattr(self, folder).folder
        addresses = addresses_to_keep(package) if keeps else ()
        return good(self.load(folder, addresses, **options), 2 if folder == "second" else 1)

    def weights(self) -> list[str]:
        return [name for at in (self.first, self.second, self.other) for name in at.fetched("wei")]

    def next_tab(self) -> Tab:
        """Of the same browser profile."""
        opened = self.open_tab()
        go(opened, self.url)
        return opened


def go(tab: Tab, url: str) -> None:
    """Opens the page."""
    tab.goto(url)
    wait_for(tab, "window.visit")


def call(tab: Tab, name: str, argument: object = None) -> Facts:
    facts: Facts = tab.evaluate(f"argument => visit.{name}(argument)", argument)
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
def site(engine: Engine, folder: Path) -> Iterator[Site]:
    """The packages of the folder, in a browser profile of their own."""
    faulty = [Faulty(folder / name) for name in ("first", "second", "other")]
    routes = [Mount(f"/{one.folder.name}", one) for one in faulty]
    files = Files(directory=PAGE, html=True)
    with running(application([*routes, Mount("/", files)])) as url, engine.profile() as open_tab:
        opened = open_tab()
        go(opened, url)
        yield Site(opened, url, open_tab, *faulty)


class KillableServer:
    """A server of the first package in a process of its own, always on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        paths = [str(self.port), str(folder / "first"), str(PAGE)]
        self._command = [sys.executable, str(SUPPORT / "package_server.py"), *paths]
        self._spares = [self._spare(), self._spare()]
        self._process: subprocess.Popen[bytes] | None = None

    def _spare(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        pipe = subprocess.PIPE
        return subprocess.Popen(self._command, env=environment, stdin=pipe, stdout=pipe)

    def start(self, limit: str = "") -> None:
        """Sends no more weights than that."""
        self._process = self._spares.pop()
        assert self._process.stdin is not None
        self._process.stdin.write(f"{limit}\n".encode())
        self._process.stdin.flush()
        while self._process.poll() is None:
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("the server did not start")

    def wait_until_silent(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        assert self._process.stdout.readline() == b"silent\n"

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.kill()
        for spare in self._spares:
            spare.kill()
            spare.wait()
