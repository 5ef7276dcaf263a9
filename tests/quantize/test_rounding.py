"""Which weights are rounded to float16, which stay, and why."""

from __future__ import annotations

import pytest
import torch
from support.lowered import Function
from torch import Tensor, nn

from wasm_torch_web import passes
from wasm_torch_web.capture import export_module
from wasm_torch_web.compiler import lowered
from wasm_torch_web.errors import UserError
from wasm_torch_web.quantize.apply import quantize
from wasm_torch_web.quantize.drift import Drift, check, measure
from wasm_torch_web.quantize.rounding import MOST_LOSS, loss_between
from wasm_torch_web.quantize.spec import Spec
from wasm_torch_web.verify.reference import Flat


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(7))


def loss_of(weight: Tensor) -> float | None:
    return loss_between(weight, weight.half().float())


def test_weights_of_usual_size_lose_half_a_step() -> None:
    loss = loss_of(random(64, 300) * 0.05)
    assert loss is not None and 2**-13 < loss < 2**-11
    assert loss_of(random(64, 300).half().float()) == 0.0


def test_small_weights_lose_more_than_is_allowed() -> None:
    loss = loss_of(random(64, 300) * 1e-6)
    assert loss is not None and loss > MOST_LOSS
    gone = loss_of(random(64, 300) * 1e-30)
    assert gone is not None and gone > 0.99


def test_one_channel_of_small_weights_is_told_by_the_others() -> None:
    weight = random(64, 300)
    weight[5] *= 1e-3
    assert (loss_of(weight) or 1) < MOST_LOSS
    weight[5] *= 1e-9  # switched off
    assert (loss_of(weight) or 1) < MOST_LOSS
    weight[5:] *= 1e-3
    weight[5:] += 1e-7
    weight[:5] *= 1e-2
    weight *= 1e-3
    assert (loss_of(weight) or 0) > MOST_LOSS


@pytest.mark.parametrize("value", [65520.0, -1e30, float("nan")])
def test_what_overflows_has_no_loss(value: float) -> None:
    weight = random(8, 300)
    weight[3, 4] = value
    assert loss_of(weight) is None


def test_infinities_stay_what_they_are() -> None:
    weight = random(8, 300)
    weight[3, 4] = float("-inf")
    assert 0 < (loss_of(weight) or 0) < MOST_LOSS


class Layers(nn.Module):
    """Weights of all kinds; a branch has some of its own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Linear(64, 64)
        self.norm = nn.BatchNorm2d(8)
        self.conv = nn.Conv2d(4, 8, 9)
        self.tiny = nn.Parameter(torch.randn(64, 64) * 1e-8)
        self.large = nn.Parameter(torch.randn(64, 64) * 1e5)
        self.branch = nn.Parameter(torch.randn(64, 64))
        nn.init.uniform_(self.norm.running_var, 0.5, 2)

    def forward(self, x: Tensor, flag: Tensor) -> tuple[Tensor, Tensor]:
        y = self.first(x) @ self.tiny @ self.large
        y = torch.cond(flag, lambda z: z @ self.branch, lambda z: z - 1, (y,))
        return y, self.norm(self.conv(x.reshape(1, 4, -1, 64)))


def rounded(*skip: str) -> dict[str, str]:
    example = (torch.randn(48, 64), torch.tensor(True))
    program = export_module(Layers().eval(), example, {})
    graph = lowered(program)
    passes.run(graph, passes.SIMPLIFY)
    return {weight.name: weight.kept for weight in quantize(graph, Spec("fp16", skip))}


def test_a_graph_is_rounded_with_what_is_folded_and_inside_branches() -> None:
    kept = rounded()
    assert len(kept) == 5 and kept["first.weight"] == ""
    reasons = sorted(filter(None, kept.values()))
    assert len(reasons) == 2
    assert "cannot hold" in reasons[0] and "of its norm" in reasons[1]


def test_patterns_leave_weights_alone() -> None:
    name = next(name for name in rounded() if "first" in name)
    assert rounded("*first*")[name] == "skipped"
    with pytest.raises(UserError) as caught:
        rounded("*frist*")
    assert caught.value.slug == "quantize-skip"


def test_a_kind_must_be_known() -> None:
    with pytest.raises(UserError) as caught:
        Spec("int1").check()
    assert caught.value.slug == "quantize-kind"


def drift_of(a: dict[str, Tensor | float], b: dict[str, Tensor | float]) -> dict[str, Drift]:
    found = measure(lambda runs: [a], lambda runs: [b], [{}], frozenset({"random"}))
    return {one.name: one for one in found}


def test_drift_is_told_by_norms_and_largest_elements() -> None:
    eager: Flat = {
        "y": torch.tensor([[3.0, 0.0], [0.0, 4.0]]),
        "size": torch.zeros(3),
        "none": torch.tensor([1.0, float("nan")]),
        "zero": torch.zeros(2),
        "n": 4,
        "random": torch.zeros(1),
    }
    moved: Flat = {
        "y": torch.tensor([[3.0, 0.0], [4.5, 4.0]]),
        "size": torch.zeros(2),
        "none": torch.tensor([1.0, 2.0]),
        "zero": torch.tensor([0.0, 1.0]),
        "n": 5,
        "random": torch.ones(1),
    }
    found = drift_of(dict(eager), dict(moved))
    assert "random" not in found
    assert found["y"] == Drift("y", 4.5, pytest.approx(0.9), 0.5)
    assert found["size"] == Drift("size") and found["none"] == Drift("none")
    assert (found["zero"].max_abs, found["zero"].relative) == (1.0, None)
    assert found["n"].relative == 0.25
    same = drift_of(dict(eager), dict(eager))
    assert all(one.relative == 0 and one.max_abs == 0 for one in same.values())


def test_a_limit_of_the_drift() -> None:
    found = [Drift("a", 1.0, 0.01, None), Drift("b", 1.0, 0.05, None)]
    check(found, None)
    check(found, 0.05)
    for few, limit in ((found, 0.02), ([Drift("c")], 1.0)):
        with pytest.raises(Exception, match="more than") as caught:
            check(few, limit)
        assert getattr(caught.value, "slug", "") == "quantize-drift"


def test_functions_without_weights_have_nothing_to_round() -> None:
    graph = lowered(export_module(Function(torch.relu), (torch.ones(3),), {}))
    assert quantize(graph, Spec("fp16")) == []
