"""Plans on the native build between guard pages: what is wrong with each, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from support.cases import Plan
from support.native import Failure, Library, NativeModel, Touched
from torch import Tensor

BEHIND, BEFORE = True, False  # where the guards are right beside the operands
BOTH = (BEHIND, BEFORE)
Judge = Callable[[Plan, list[Tensor]], str | None]


def outside(
    library: Library,
    plans: Sequence[Plan],
    judge: Judge,
    sides: Sequence[bool] = BOTH,
    cut: int = 0,
) -> dict[str, str]:
    """Plans that touch what is not theirs, or whose outputs `judge` finds wrong; `cut` as in
    NativeModel.run_guarded."""
    found = {}
    for plan in plans:
        model = NativeModel(library, plan.plan, plan.weights)
        try:
            for side in sides:
                outputs = model.run_guarded(plan.inputs, len(plan.expected), side, cut)
                if text := judge(plan, outputs):
                    found[plan.name] = text
        except (Failure, Touched) as wrong:
            found[plan.name] = str(wrong)
        model.close()
    return found
