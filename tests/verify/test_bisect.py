"""Bisection finds the operator that was spoiled, with the compiled runtime in Chromium."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import torch
from torch import nn
from torch.export import ExportedProgram

import wasm_torch_web
from wasm_torch_web.compiler import compile_program
from wasm_torch_web.errors import UserError
from wasm_torch_web.variants import VARIANTS
from wasm_torch_web.verify import evidence
from wasm_torch_web.verify.bisect import bisect, record
from wasm_torch_web.verify.difference import Difference
from wasm_torch_web.verify.validate import validate

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


def test_what_differs_is_shown(package: Path, tmp_path: Path) -> None:
    net = Net()
    with torch.no_grad():
        net.second.bias[1] += 0.5
    found = bisect(package, exported(net))
    assert found.difference is not None
    assert found.difference.shape == (2, 3) and found.difference.differing == 2
    assert [one.index[1] for one in found.difference.worst] == [1, 1]
    assert {found.variant, *found.others} == set(VARIANTS)
    assert not any(isinstance(other, str) or other.passed for other in found.others.values())

    alone = evidence.write(tmp_path, found, compile_program(exported(Net())).graph)
    assert alone is not None and alone.passed  # the package's weights, not the spoiled ones
    text = (tmp_path / "report.md").read_text()
    assert "# `linear` differs from PyTorch" in text and evidence.AGREES in text
    values = numpy.load(tmp_path / "values.npz")
    assert numpy.array_equal(values["expected"], found.expected)
    assert numpy.array_equal(values["given"], found.given)
    assert values["read.input"].shape == (2, 3)
    assert validate(tmp_path / "operator").passed


def test_an_operator_that_is_wrong_alone_is_told(package: Path, tmp_path: Path) -> None:
    net = Net()
    with torch.no_grad():
        net.second.bias += 0.5
    found = bisect(package, exported(net), "simd128-single")
    spoiled = compile_program(exported(Net())).graph
    other = replace(spoiled.nodes[1].row, reference=lambda *inputs, **attributes: inputs[0].cos())
    spoiled.nodes[1].row = other
    alone = evidence.write(tmp_path, found, spoiled)
    assert alone is not None and alone.failures() == ["output"]
    assert evidence.DIFFERS in (tmp_path / "report.md").read_text()


def test_differences_of_all_kinds() -> None:
    nan, inf = float("nan"), float("inf")
    found = Difference.of(torch.tensor([nan, 1.0, inf]), torch.tensor([nan, 2.0, 0.0]))
    assert (found.differing, found.expected.nans, found.expected.infinities) == (2, 1, 1)
    assert [one.index for one in found.worst] == [(2,), (1,)]
    assert found.to_json()["worst"][0]["expected"] == "inf"
    empty = Difference.of(torch.empty(0, dtype=torch.int64), torch.empty(0, dtype=torch.int64))
    assert (empty.differing, empty.given.mean, empty.worst) == (0, None, ())
    bits = Difference.of(torch.tensor([True, False]), torch.tensor([True, True]))
    assert (bits.differing, bits.worst[0].index) == (1, (1,))
    numbers = Difference.of(torch.tensor([1 + 2j]), torch.tensor([1 + 3j]))
    assert numbers.worst[0].index == (0, 1)


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
