"""Three packages that every test of the runtime in a browser and in Node uses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from wasm_torch_web.pipeline import build


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


class Dice(nn.Module):
    """Random numbers, enough for several threads."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn(20_000, 3)


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages `sample`, `counter` and `dice`."""
    folder = tmp_path_factory.mktemp("packages")
    torch.manual_seed(0)
    examples = (torch.randn(2, 64), torch.tensor([1, 2]))
    axes = ["x.0=batch:1..8", "ids.0=batch:1..8"]
    build(Sample().eval(), examples, dynamic=axes, out=folder / "sample", verify=False)
    build(Counter().eval(), (torch.ones(3),), out=folder / "counter", verify=False)
    build(Dice().eval(), (torch.ones(3),), out=folder / "dice", verify=False)
    return folder
