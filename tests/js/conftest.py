"""The packages that every test of the runtime in a browser and in Node uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from support.engines import Engine
from support.loading import build_packages
from support.runtime_page import Facts, call, page
from torch import Tensor, nn
from torch._higher_order_ops import while_loop

from wasm_torch_web.pipeline import build
from wasm_torch_web.verify.tab import Tab


class Sample(nn.Module):
    """A dynamic batch, an index that can be out of range, and work for several threads."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 64)
        self.wide = nn.Linear(64, 4096)
        self.head = nn.Linear(4096, 5)

    def forward(self, x: Tensor, ids: Tensor) -> dict[str, Tensor]:
        hidden = torch.relu(self.wide(x + self.embedding(ids)))
        return {"logits": self.head(hidden), "energy": hidden.sum(1)}


class Counter(nn.Module):
    """A state that every run changes."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        self.total += x
        return self.total * 2


class Wide(nn.Module):
    """Weights and working memory of several MiB each."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Linear(256, 4096)
        self.head = nn.Linear(4096, 3)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.head(torch.relu(self.wide(x)))
        return found


class Dice(nn.Module):
    """Random numbers, enough for several threads."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn(20_000, 3)


class Loop(nn.Module):
    """As many rounds as the input says: as good as endless where that is much."""

    def forward(self, rounds: Tensor) -> Tensor:
        def step(left: Tensor, done: Tensor) -> tuple[Tensor, Tensor]:
            return left - 1, done + 1

        start = (rounds.clone(), torch.zeros_like(rounds))
        done: Tensor = while_loop(lambda left, done: left > 0, step, start)[1]
        return done


class Tally(Loop):
    """The same, and a state that counts the runs."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("runs", torch.zeros(1))

    def forward(self, rounds: Tensor) -> dict[str, Tensor]:  # type: ignore[override]
        self.runs += 1
        return {"rounds": super().forward(rounds), "runs": self.runs * 1}


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages `sample`, `counter`, `wide`, `dice`, `loop` and `tally`."""
    folder = tmp_path_factory.mktemp("packages")
    torch.manual_seed(0)
    examples = (torch.randn(2, 64), torch.tensor([1, 2]))
    axes = ["x.0=batch:1..8", "ids.0=batch:1..8"]
    build(Sample().eval(), examples, dynamic=axes, out=folder / "sample", verify=False)
    build(Counter().eval(), (torch.ones(3),), out=folder / "counter", verify=False)
    wide = (torch.randn(2, 256),)
    build(Wide().eval(), wide, dynamic=["x.0=batch:1..512"], out=folder / "wide", verify=False)
    build(Dice().eval(), (torch.ones(3),), out=folder / "dice", verify=False)
    rounds = torch.tensor(2)
    build(Loop().eval(), (rounds,), out=folder / "loop", verify=False)
    build(Tally().eval(), (rounds,), out=folder / "tally", verify=False)
    return folder


@pytest.fixture(scope="module")
def isolated(engine: Engine, packages: Path) -> Iterator[Tab]:
    """Cross-origin isolated, with the strict Content-Security-Policy."""
    with page(engine, packages) as opened:
        yield opened


@pytest.fixture(scope="module")
def usual(isolated: Tab) -> Facts:
    """What is chosen without any option, and what it computes."""
    facts = call(isolated, "load", {})
    assert facts.get("passed"), facts
    return facts


@pytest.fixture(scope="session")
def loadable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of support.loading: see build_packages."""
    out = tmp_path_factory.mktemp("loading")
    build_packages(out)
    return out
