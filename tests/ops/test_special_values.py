"""NaN, infinities, denormals, zeros of both signs and the extremes of every dtype through every
operator: on the shipped wasm, and on the native build under ASan and UBSan."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import builds
from support.cases import Plan, make_plan
from support.guarded import BEFORE, BEHIND, outside
from support.special_limits import KINDS, LIMITS, NUMBERS, REFUSED
from support.special_values import Special, fault, special_plans, values_of
from support.wasm import outputs_on_wasm

from wasm_torch_web.ops import ROWS
from wasm_torch_web.ops.table import DTYPES

SUPPORT = Path(__file__).parents[1] / "support"


@pytest.fixture(scope="module")
def found(one_thread: None) -> list[Special]:
    """All of them."""
    return list(special_plans())


def test_every_operator_gives_pytorchs_special_values(found: list[Special]) -> None:
    wrong = {}
    for special, outputs in zip(found, outputs_on_wasm([s.plan for s in found]), strict=True):
        text = outputs if isinstance(outputs, str) else fault(special, outputs)
        if text is not None:
            wrong[special.plan.name] = text
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in list(wrong.items())[:40])
    assert len(found) > 6000
    # The others take indices, sizes or codes alone.
    assert len({special.row.name for special in found}) > len(ROWS) - 12


def test_native_under_sanitizers() -> None:
    builds.under_sanitizers(SUPPORT / "run_special_values.py")


def test_native_between_guard_pages(found: list[Special]) -> None:
    """No number makes a kernel touch anything but its operands."""
    plans = [special.plan for special in found]
    wrong = outside(builds.scalar(), plans[::2], unjudged, (BEHIND,))
    wrong |= outside(builds.scalar(), plans[1::2], unjudged, (BEFORE,))
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in list(wrong.items())[:40])


def unjudged(plan: Plan, outputs: list[torch.Tensor]) -> None:
    """C libraries differ in them; the shipped wasm's are compared."""


def test_the_limits_are_of_rows_that_there_are() -> None:
    for limit in LIMITS:
        assert any(re.fullmatch(limit.rows, name) for name in ROWS), limit
        assert set(limit.kinds) <= set(KINDS)
    assert set(NUMBERS) | {name for name, _ in REFUSED} <= set(ROWS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_values_are_what_they_are_called(kind: str) -> None:
    for dtype in DTYPES:
        if not dtype.is_floating_point:
            continue
        values = torch.tensor(values_of(kind, dtype), dtype=dtype)
        checks = {
            "nan": values.isnan(),
            "infinity": values.isinf(),
            "zero": values == 0,
            "denormal": (values != 0) & (values.abs() < torch.finfo(dtype).smallest_normal),
            "largest": values.abs() == torch.finfo(dtype).max,
        }
        assert checks[kind].all()


def test_the_least_integer_divided_by_minus_one() -> None:
    """PyTorch's process dies of it; here the quotient wraps and nothing is left over."""
    expected = {"div_trunc": -(2**63), "div_floor": -(2**63), "remainder": 0, "fmod": 0}
    least, divisors = torch.full((67,), -(2**63)), torch.full((67,), -1)
    plans = []
    for name in expected:
        cases = ROWS[name].cases
        assert cases is not None
        dtypes = (least.dtype,) * 2
        alike = next(
            case
            for case in cases()
            if tuple(x.dtype for x in case.inputs if x is not None) == dtypes
        )
        plan = make_plan(ROWS[name], replace(alike, inputs=(divisors, divisors)), name, False)
        plans.append(replace(plan, inputs=[least, divisors]))
    for plan, outputs in zip(plans, outputs_on_wasm(plans), strict=True):
        assert not isinstance(outputs, str), outputs
        assert (outputs[0] == expected[plan.name]).all(), plan.name
