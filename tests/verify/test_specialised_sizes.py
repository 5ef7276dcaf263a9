"""Sizes that torch.export never sees: a package takes those at which a run equals PyTorch's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser
from torch import Tensor, nn

import wasm_torch_web
from wasm_torch_web.errors import InternalError
from wasm_torch_web.pipeline import BuildResult
from wasm_torch_web.verify.session import open_package
from wasm_torch_web.verify.trials import assignments

Of = Callable[[Tensor], Tensor]


class Rows(nn.Module):
    """A function of some rows."""

    def __init__(self, function: Of) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Running(nn.Module):
    """Rows but the first, and what went before them; here one row alone may count twice."""

    def __init__(self, twice: bool) -> None:
        super().__init__()
        self.twice = twice
        self.register_buffer("total", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        rest = x[1:] * 2
        output = rest + self.total
        weight = 2 if self.twice and x.shape[0] - 1 == 1 else 1
        self.total += weight * rest.sum(0)
        return output


def build(module: nn.Module, out: Path, dynamic: str, verify: bool = False) -> BuildResult:
    example = (torch.randn(5, 3),)
    return wasm_torch_web.build(module, example, out=out, dynamic=[dynamic], verify=verify)


def guards(result: BuildResult) -> list[str]:
    found: list[str] = result.manifest["programs"]["forward"]["guards"]
    return found


@pytest.mark.parametrize(
    ("module", "dynamic", "size"),
    [
        (Rows(lambda x: x[1:] * 2), "x.0=1..9", 2),
        (Rows(lambda x: x[1:] - x[:-1]), "x.0=2..9", 2),
        (Rows(lambda x: x[1:] @ x[1:].T), "x.0=1..9", 2),
        (Rows(lambda x: x[2:] * 2), "x.0=2..9", 3),
        (Rows(lambda x: (x[1:].sum(0) + x[2:].sum(0)) * 2), "x.0=3..90", 3),
        (Running(twice=False), "x.0=1..9", 2),
    ],
)
def test_a_size_that_makes_no_difference_is_taken(
    module: nn.Module, dynamic: str, size: int, tmp_path: Path
) -> None:
    result = build(module, tmp_path / "pkg", dynamic)
    assert guards(result) == []
    assert {"x_0": size} in [sizes for _, sizes in assignments(result.manifest, result.example)]


def test_chromium_tries_that_very_size(tmp_path: Path) -> None:
    result = build(Running(twice=False), tmp_path / "pkg", "x.0=1..9", verify=True)
    assert result.report is not None and result.verification == "passed"
    assert "x_0=2" in {run.trial for run in result.report.runs}


@pytest.mark.parametrize(
    "module",
    [
        Rows(lambda x: x[1:].squeeze(0)),  # another number of axes
        Rows(lambda x: x[1:] * 2 if x.shape[0] - 1 != 1 else x[1:] * 3),
        Running(twice=True),  # which only the next run shows
    ],
)
def test_a_size_that_makes_a_difference_is_refused(
    module: nn.Module, browser: Browser, tmp_path: Path
) -> None:
    result = build(module, tmp_path / "pkg", "x.0=1..9")
    assert guards(result) == ["x_0 - 1 != 1"]
    with open_package(browser, tmp_path / "pkg") as model:
        model.load()
        model.run({"x": torch.randn(3, 3)})
        with pytest.raises(InternalError, match="do not satisfy x_0 - 1 != 1"):
            model.run({"x": torch.randn(2, 3)})


def test_a_branch_of_the_user_on_another_size_stays(tmp_path: Path) -> None:
    module = Rows(lambda x: x * 2 if x.shape[0] != 3 else x + x)
    assert guards(build(module, tmp_path / "pkg", "x.0=1..9")) == ["x_0 != 3"]


def test_a_size_that_pytorch_refuses_stays_refused(tmp_path: Path) -> None:
    def picky(x: Tensor) -> Tensor:
        if x.shape[0] - 1 == 1:
            raise ValueError("two rows")
        return x[1:] * 2

    assert guards(build(Rows(picky), tmp_path / "pkg", "x.0=1..9")) == ["x_0 - 1 != 1"]
