"""Bisection finds the operator that was spoiled, with the compiled runtime in Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.export import ExportedProgram

import wasm_torch_web
from wasm_torch_web.errors import UserError
from wasm_torch_web.verify.bisect import bisect, record

EXAMPLE = (torch.linspace(-1, 1, 6).reshape(2, 3),)


class Net(nn.Module):
    """Three layers; the activation after the first is fused into it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.third = (nn.Linear(3, 3) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.third(self.second(torch.relu(self.first(x))).tanh())


def exported(module: nn.Module) -> ExportedProgram:
    return torch.export.export(module.eval(), EXAMPLE)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "pkg"
    wasm_torch_web.build(Net(), EXAMPLE, out=out, verify=False)
    return out


def test_nothing_differs_from_the_source(package: Path) -> None:
    found = bisect(package, exported(Net()))
    assert found.first is None
    assert [finding.error is not None for finding in found.findings] == [True, True, True]
    assert "no difference" in str(found.table().title)


def test_the_first_operator_that_differs_is_named(package: Path) -> None:
    net = Net()
    with torch.no_grad():
        net.second.bias += 0.5
    found = bisect(package, exported(net), "simd128-single")
    assert found.first is not None
    assert found.first.node["module"] == "second"
    assert found.first.error is not None
    first = found.to_json()["first"]
    assert (first["op"], first["index"]) == ("linear", 1)
    assert found.variant == "simd128-single"


def test_another_model_is_told_apart(package: Path) -> None:
    class Other(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.cos()

    with pytest.raises(UserError, match="WTW605"):
        bisect(package, exported(Other()))


def test_every_operator_of_the_program_is_recorded() -> None:
    class Parts(nn.Module):
        def forward(self, x: torch.Tensor, n: int) -> torch.Tensor:
            return torch.cat(torch.split(x, 1, dim=1)[:2]) + n

    program = torch.export.export(Parts(), (*EXAMPLE, 2))
    values = record(program, {"x": EXAMPLE[0]})
    assert torch.equal(values["add"], Parts()(*EXAMPLE, 2))


def test_random_numbers_are_no_difference(tmp_path: Path) -> None:
    class Noisy(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.tanh() + torch.randn_like(x).relu()

    wasm_torch_web.build(Noisy(), EXAMPLE, out=tmp_path / "pkg", verify=False)
    found = bisect(tmp_path / "pkg", exported(Noisy()))
    assert found.first is None
    assert [finding.value for finding in found.findings if finding.error is not None] == ["tanh"]
