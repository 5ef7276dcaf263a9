"""Models that do nothing, and pages that nobody looks at, in a Chromium with its usual switches."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.moments import moments

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PAGE = Path(__file__).with_name("idle_page")


def test_helpers_of_idle_models_take_no_time(packages: Path, tmp_path: Path) -> None:
    options = {"scene": "idle", "threads": 3}
    with moments(PAGE, packages / "sample", tmp_path, options) as told:
        before, info = told.get(timeout=60)
        assert info["threads"] == 3
        # One that spins takes 2000 ms each time; a browser may have other things to do for once.
        for _ in range(10):
            after, shape = told.get(timeout=60)
            assert shape == [2, 5]
            taken = sum(after[pid]["cpu"] - before[pid]["cpu"] for pid in before)
            if taken < 500:
                return
            before = after
    pytest.fail(f"{taken} ms of the processor in 2 s")


@pytest.mark.parametrize("threads", [1, 2])
def test_a_hidden_page_loads_and_runs(packages: Path, tmp_path: Path, threads: int) -> None:
    options = {"scene": "hidden", "threads": threads}
    switch = "--disable-popup-blocking"
    with moments(PAGE, packages / "sample", tmp_path, options, switch) as told:
        _, facts = told.get(timeout=120)
    assert facts["hidden"] and facts["passed"], facts
    assert facts["info"]["threads"] == threads and facts["shape"] == [2, 5]
