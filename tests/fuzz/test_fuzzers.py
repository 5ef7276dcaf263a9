"""A little of every fuzzer, from a fixed seed; `make fuzz` runs them for longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz import manifests, plans, requests, sources
from fuzz.graphs import fuzzer as graphs
from fuzz.graphs import quiet
from fuzz.harness import Fuzzer, explore

EXAMPLES = {manifests.FUZZER: 150, plans.FUZZER: 150, requests.FUZZER: 100, sources.FUZZER: 150}
PROGRAMS = 18
REFUSED = 0.2  # at most, of programs


@pytest.mark.parametrize("fuzzer", EXAMPLES, ids=lambda one: one.name)
def test_readers_and_services(fuzzer: Fuzzer, tmp_path: Path) -> None:
    with fuzzer.open(tmp_path) as (examples, check):
        assert explore(examples, check, 0, EXAMPLES[fuzzer]) >= EXAMPLES[fuzzer]


def test_random_programs() -> None:
    quiet()
    verdicts, wrong = graphs.examine(range(PROGRAMS))
    assert not wrong
    built = [one for one in verdicts if one.refusal is None]
    assert len(built) >= (1 - REFUSED) * len(verdicts)
    assert len({edge for one in built for edge in one.edges}) > 100
