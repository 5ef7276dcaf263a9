"""Packages on a server that errs as a test says, and a page that loads them: in any engine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from starlette.routing import Mount
from torch import Tensor, nn

from wasm_torch_web.serving import Files, application, running
from wasm_torch_web.verify.tab import Tab, wait_for

from .engines import Engine
from .faulty import Faulty

PAGE = Path(__file__).parents[1] / "js" / "loading_page"
PACKAGES = ("first", "second", "other")
WIDTH, LAYERS = 512, 6
INPUT = torch.tensor([math.sin(i * 12.9898) for i in range(WIDTH)])
PLACES = [{}, {"worker": False}]
Facts = dict[str, Any]


class Deep(nn.Module):
    """Weights of a MiB a layer; `seed` decides those of the last one."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))
        torch.manual_seed(seed)
        nn.init.normal_(self.layers[-1].weight, std=0.05)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x


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

    def load(self, folder: str = "first", **options: Any) -> Facts:
        return self.call("load", {"folder": folder, "options": options})

    def visit(self, folder: str = "first", **options: Any) -> Facts:
        """A load that goes well."""
        return good(self.load(folder, **options), 2 if folder == "second" else 1)

    def weights(self) -> list[str]:
        """The weight files that were asked for since the last time."""
        return [name for at in (self.first, self.second, self.other) for name in at.fetched("wei")]

    def next_tab(self) -> Tab:
        """Of the same browser profile."""
        opened = self.open_tab()
        go(opened, self.url)
        return opened


@contextmanager
def site(engine: Engine, folder: Path) -> Iterator[Site]:
    """The packages of the folder, in a browser profile of their own."""
    faulty = [Faulty(folder / name) for name in PACKAGES]
    routes = [Mount(f"/{one.folder.name}", one) for one in faulty]
    files = Files(directory=PAGE, html=True)
    served = application([*routes, Mount("/", files)])
    with running(served) as url, engine.profile() as open_tab:
        opened = open_tab()
        go(opened, url)
        yield Site(opened, url, open_tab, *faulty)


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


def shards(folder: Path) -> int:
    """How many weight files a package has."""
    return len(list(folder.glob("weights-*.bin")))


def files_to_keep(folder: Path) -> int:
    """The shards, the plan and the golden data."""
    return shards(folder) + 2
