"""A little of every fuzzer, from a fixed seed; `make fuzz` runs them for longer."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.plans import sample

from fuzz import manifests, plans, requests, sources
from fuzz.graphs import fuzzer as graphs
from fuzz.graphs import quiet
from fuzz.graphs.found import FOUND
from fuzz.graphs.judging import judged
from fuzz.harness import Fuzzer, explore
from wasm_torch_web.format.plan_reader import PlanReader

EXAMPLES = {manifests.FUZZER: 100, plans.FUZZER: 150, requests.FUZZER: 100, sources.FUZZER: 150}
PROGRAMS = 12
REFUSED = 3  # at most, and groups of them


@pytest.mark.parametrize("fuzzer", EXAMPLES, ids=lambda one: one.name)
def test_readers_and_services(fuzzer: Fuzzer, tmp_path: Path) -> None:
    with fuzzer.open(tmp_path) as (examples, check):
        assert explore(examples, check, 0, EXAMPLES[fuzzer]) >= EXAMPLES[fuzzer]


def test_programs_that_once_failed() -> None:
    quiet()
    verdicts = dict(zip(FOUND, judged([*FOUND.values()]), strict=True))
    assert not {name: one for name, one in verdicts.items() if one.fault or one.refusal}


def test_a_plan_with_a_buffer_of_negative_size() -> None:
    """Its peak was above the sum of all."""
    plan, _ = sample()
    with pytest.raises(ValueError, match="negative"):
        PlanReader(plan, (-3, *plans.SYMBOLS)).memory()


def test_random_programs() -> None:
    quiet()
    verdicts, wrong = graphs.examine(range(PROGRAMS))
    assert not wrong
    assert sum(one.refusal is not None for one in verdicts) <= REFUSED
    assert len({edge for one in verdicts for edge in one.edges}) > 30
