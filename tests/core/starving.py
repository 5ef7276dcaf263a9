"""Loads and runs plans with memory that ends after every possible number of allocations.

python tests/core/starving.py LIBRARY: prints what did not end in out-of-memory, kept memory, or
did not go on once there was memory again.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from samples import OUTPUTS, inputs
from support.cases import make_plan
from support.native import Failure, Library, NativeModel, told
from support.plans import counting, decided, flowing, sample

from wasm_torch_web.errors import ERRORS
from wasm_torch_web.ops import ROWS

OUT_OF_MEMORY = ERRORS["out-of-memory"].number
UNLIMITED = 1 << 62
COPIES = 2  # of plan and weights, which are the test's own
Case = tuple[bytes, Any, list[Any], int]  # plan, weights, inputs, number of outputs


def cases() -> Iterator[tuple[str, Case]]:
    """Plans with all that a plan may have, and the last case of every operator."""
    some, three = torch.tensor([1.0, -1, 2, 0, 3, 0]), torch.tensor(3)
    yield "prepare, states, sizes", (*sample(), inputs(6), OUTPUTS)
    yield "state", (*counting(), [torch.tensor([0, 1])], 2)
    yield "sizes that data decides", (*decided(), [some], 2)
    yield "control flow", (*flowing(), [three, torch.randn(3)], 1)
    for row in ROWS.values():
        assert row.cases is not None
        *_, last = row.cases()
        plan = make_plan(row, last, row.name, constants=True)
        yield plan.name, (plan.plan, plan.weights, plan.inputs, len(plan.expected))


def starve(library: Library, case: Case) -> str | None:
    """What went wrong with one of the numbers of allocations that are too few."""
    plan, weights, given, outputs = case
    model = NativeModel(library, plan, weights)
    expected = model.run(given, outputs)
    model.close()
    before = library.c.wtw_live_allocations()
    for granted in range(1000):
        library.c.wtw_grant_allocations(COPIES + granted)
        text, enough = attempt(library, case, expected)
        library.c.wtw_grant_allocations(UNLIMITED)
        if text is None and library.c.wtw_live_allocations() != before:
            text = f"{library.c.wtw_live_allocations() - before} allocations are not freed"
        if text is not None:
            return f"with {granted} allocations: {text}"
        if enough:
            return None if granted else "it needs no memory"
    return "more than 1000 allocations"


def attempt(library: Library, case: Case, expected: list[Any]) -> tuple[str | None, bool]:
    """What is wrong, and whether memory lasted to the end."""
    plan, weights, given, outputs = case
    try:
        model = NativeModel(library, plan, weights)
    except Failure as failure:
        return (None if failure.code == OUT_OF_MEMORY else f"load: {failure}"), False
    enough = True
    try:
        try:
            found = model.run(given, outputs)
        except Failure as failure:
            if failure.code != OUT_OF_MEMORY:
                return f"run: {failure}", False
            enough = False
            library.c.wtw_grant_allocations(UNLIMITED)
            model.reset()
            found = model.run(given, outputs)
    finally:
        model.close()
    same = all(map(equal, found, expected))
    return (None if same else "outputs differ"), enough


def equal(a: Any, b: Any) -> bool:
    """Bit for bit, NaN included."""
    if not isinstance(a, torch.Tensor):
        return bool(a == b)
    return torch.equal(a.view(torch.uint8), b.view(torch.uint8)) if a.dim() else str(a) == str(b)


if __name__ == "__main__":
    library = Library(Path(sys.argv[1]))
    sys.exit(told((name, starve(library, case)) for name, case in cases()))
