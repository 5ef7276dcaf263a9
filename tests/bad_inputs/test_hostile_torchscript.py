"""TorchScript that reaches files, or that cannot be converted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support.hostile import refused
from torch import nn

from wasm_torch_web.sources import Options, confined


class Writes(nn.Module):
    """A scripted module may write files."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, "ran")
        return x


class SetsState(nn.Module):
    """A method that torch.jit.load calls."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x

    @torch.jit.export
    def __getstate__(self) -> tuple[torch.Tensor, bool]:
        return torch.ones(2), self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[torch.Tensor, bool]) -> None:
        torch.save(state[0], "ran")
        self.training = state[1]


def save_elsewhere(x: torch.Tensor) -> torch.Tensor:
    torch.save(x, "ran")
    return x


class Calls(nn.Module):
    """The operator is in a function that forward calls."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return save_elsewhere(x)


class Branches(nn.Module):
    """Control flow that depends on data."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 1 if bool(x.sum() > 0) else x


class Loops(nn.Module):
    """Control flow that torch does not convert."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        while bool(x.sum() < 10):
            x = x + 1
        return x


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("module", "said"),
    [(Writes(), "aten::save"), (Calls(), "aten::save"), (SetsState(), "__setstate__")],
)
def test_torchscript_that_reaches_files(tmp_path: Path, module: nn.Module, said: str) -> None:
    torch.jit.script(module).save(str(tmp_path / "a.pt"))
    error = refused(tmp_path / "a.pt", "pickle-refused", Options(inputs=("x=float32:3",)))
    assert said in error.message


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("module", "said"), [(Branches(), "true_graph"), (Loops(), "prim::Loop")])
def test_torchscript_with_control_flow(tmp_path: Path, module: nn.Module, said: str) -> None:
    torch.jit.script(module).save(str(tmp_path / "a.pt"))
    error = refused(tmp_path / "a.pt", "scripted-control-flow", Options(inputs=("x=float32:3",)))
    assert said in error.message
    assert "wasm_torch_web.save" in error.hint


def test_a_process_that_dies_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one does in which torch's own C++ crashes."""
    torch.jit.trace(nn.Identity(), torch.ones(3)).save(str(tmp_path / "a.pt"))
    dying = "import os; os.kill(os.getpid(), 11)"
    monkeypatch.setattr(confined, "COMMAND", (sys.executable, "-c", dying))
    error = refused(tmp_path / "a.pt", "source-damaged", Options(inputs=("x=float32:3",)))
    assert "ended with -11" in error.message


def test_a_process_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.jit.trace(nn.Identity(), torch.ones(3)).save(str(tmp_path / "a.pt"))
    monkeypatch.setattr(confined, "COMMAND", (sys.executable, "-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(confined, "SECONDS", 1)
    error = refused(tmp_path / "a.pt", "source-damaged", Options(inputs=("x=float32:3",)))
    assert "more than 1 seconds" in error.message


def test_memory_is_limited() -> None:
    """A file of a few bytes may ask for all there is."""
    greedy = "from wasm_torch_web.sources.torchscript_process import limit_memory; import torch\n"
    greedy += "limit_memory(4 << 30); torch.empty(8 << 30, dtype=torch.uint8)"
    done = subprocess.run([sys.executable, "-c", greedy], capture_output=True, text=True)
    assert done.returncode == 1 and "memory" in done.stderr
