"""Outputs that follow from random numbers: which they are, and how they are judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.lowered import Function
from torch import Tensor, nn

import wasm_torch_web
from wasm_torch_web.capture import export_module
from wasm_torch_web.compiler import lowered
from wasm_torch_web.drawn import Replay
from wasm_torch_web.ops import ROWS, random
from wasm_torch_web.verify.drawn import NOTE, RUNS, compare_drawn
from wasm_torch_web.verify.validate import validate

Draw = Callable[[torch.Generator], Tensor]


def draws(draw: Draw, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [draw(generator) for _ in range(RUNS)]


def normal(*shape: int) -> Draw:
    return lambda generator: torch.randn(shape, generator=generator)


ALIKE: dict[str, Draw] = {
    "normal": normal(50, 40),
    "a number": normal(),
    "none": normal(0, 3),
    "bool": lambda g: torch.rand(100, generator=g) < 0.01,
    "rare": lambda g: torch.rand(1, generator=g) < 0.02,
    "whole": lambda g: torch.randint(0, 5, (300,), generator=g),
    "cauchy": lambda g: torch.empty(500).cauchy_(generator=g),
    "complex": lambda g: torch.randn(200, dtype=torch.complex64, generator=g),
    "half": lambda g: torch.randn(200, generator=g).half(),
    "a size": lambda g: torch.rand(300, generator=g).lt(0.3).nonzero(),
    "not finite": lambda g: torch.randn(300, generator=g).log(),
    "the same": lambda g: torch.arange(7),
}


@pytest.mark.parametrize("name", ALIKE)
def test_draws_of_one_distribution_pass(name: str) -> None:
    error = compare_drawn("y", draws(ALIKE[name], 1), draws(ALIKE[name], 2))
    assert error.passed and error.note == NOTE


def test_numbers_need_not_be_floats() -> None:
    assert compare_drawn("y", [3.0] * RUNS, [3] * RUNS).passed
    assert not compare_drawn("y", [3.0] * RUNS, [4] * RUNS).passed


UNLIKE: dict[str, tuple[Draw, Draw, str]] = {
    "mean": (normal(3000), lambda g: normal(3000)(g) + 0.1, "mean"),
    "deviation": (normal(3000), lambda g: normal(3000)(g) * 1.1, "deviation"),
    "range": (
        lambda g: torch.rand(3000, generator=g),
        lambda g: normal(3000)(g) * 12**-0.5 + 0.5,
        "least",
    ),
    "order": (
        lambda g: normal(100)(g) + torch.arange(100),
        lambda g: normal(100)(g) + torch.arange(100).flip(0),
        "some elements",
    ),
    "dtype": (normal(5), lambda g: normal(5)(g).double(), "dtype"),
    "axes": (normal(5), normal(1, 5), "axes"),
    "shape": (normal(5, 2), normal(2, 5), "size 0"),
    "size": (
        lambda g: torch.rand(300, generator=g).lt(0.3).nonzero(),
        lambda g: torch.rand(300, generator=g).lt(0.5).nonzero(),
        "size 0",
    ),
    "nan": (normal(300), lambda g: normal(300)(g).sqrt(), "finite"),
    "bool": (
        lambda g: torch.rand(2000, generator=g) < 0.5,
        lambda g: torch.rand(2000, generator=g) < 0.6,
        "mean",
    ),
}


@pytest.mark.parametrize("name", UNLIKE)
def test_other_draws_do_not(name: str) -> None:
    one, other, what = UNLIKE[name]
    error = compare_drawn("y", draws(one, 1), draws(other, 2))
    assert not error.passed and what in error.note, error


class Sampler(nn.Module):
    """Outputs of each kind: one through a state, one through a size, one without numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("walk", torch.zeros(4))

    def forward(self, x: Tensor) -> dict[str, Any]:
        noise = torch.randn_like(x)
        before = self.walk.clone()
        self.walk += noise[0, :4]
        return {"plain": x.relu(), "noise": x + noise, "before": before, "like": noise * 0 + 1}


def test_what_follows_from_draws_is_known() -> None:
    graph = lowered(export_module(Sampler(), (torch.zeros(8, 5),), {}))
    assert {port.name: port.drawn for port in graph.outputs} == {
        "plain": False,
        "noise": True,
        "before": True,
        "like": True,
    }
    sizes = lowered(
        export_module(
            Function(lambda x: torch.ones(torch.bernoulli(x).nonzero().shape[0])),
            (torch.full((9,), 0.5),),
            {},
        )
    )
    assert sizes.outputs[0].drawn


def test_a_replay_draws_what_the_package_does() -> None:
    function = Function(lambda x: (torch.rand(4) + x, x * 2))
    graph = lowered(export_module(function, (torch.zeros(4),), {}))
    replay = Replay(lambda runs: [{"output_0": torch.zeros(4), "output_1": torch.ones(4)}], graph)
    (outputs,) = replay([{"x": torch.zeros(4)}])
    state = torch.tensor(random.SEED)
    expected = ROWS["random"].reference(state, size=(4,), stream=0, dtype=torch.float32)
    assert torch.equal(outputs["output_0"], expected)
    assert torch.equal(outputs["output_1"], torch.ones(4))


def test_a_model_that_draws_is_verified(tmp_path: Path) -> None:
    torch.manual_seed(0)
    built = wasm_torch_web.build(
        Sampler(), (torch.randn(8, 500),), dynamic=["x.0=rows:1..16"], out=tmp_path / "pkg"
    )
    assert built.report is not None and built.verification == "passed", built.report.failures()
    notes = {o["name"]: o.get("note") for o in built.manifest["verified"]["outputs"]}
    assert notes == {"plain": None, "noise": NOTE, "before": NOTE, "like": NOTE}
    assert "self-test" in {run.trial for run in built.report.runs}
    report = validate(tmp_path / "pkg", built.reference, ["simd128-single"])
    assert report.passed, report.failures()


def test_another_distribution_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide = random._normal
    monkeypatch.setattr(
        random, "_normal", lambda b, *a: b.call("aten.mul.Tensor", self=wide(b, *a), other=1.2)
    )
    built = wasm_torch_web.build(Sampler(), (torch.randn(8, 500),), out=tmp_path / "pkg")
    assert built.report is not None
    assert built.verification == "failed"
    assert "noise" in built.report.failures() and "plain" not in built.report.failures()
