"""plan.bin with a few bytes changed: Python reads it, or gives up in a known way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hypothesis.strategies import SearchStrategy
from support.plans import choosing, counting, decided, flowing, sample

from fuzz.harness import Check, Fuzzer
from fuzz.mutation import damaged
from wasm_torch_web.format.plan_reader import DAMAGED, PlanReader

SYMBOLS = (3, 5, 7, 2)


@contextmanager
def _open(folder: Path) -> Iterator[tuple[SearchStrategy[Any], Check]]:
    valid = [make()[0] for make in (sample, counting, decided, choosing, flowing)]
    yield damaged(valid), _check


def _check(plan: bytes) -> None:
    with suppress(*DAMAGED):
        memory = PlanReader(plan, SYMBOLS).memory()
        assert memory.peak <= memory.total


FUZZER = Fuzzer("plans", _open, ("/wasm_torch_web/format/plan_reader",))
