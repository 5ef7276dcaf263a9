"""Every check of csrc/core/plan*.cc refuses what it is there for, and none is untested."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import build_native
import checking
import pytest
from checking import CHECKER, CORE
from plan_cases import CASES
from plan_cases.case import Case
from plan_cases.limits import LIMITS
from support.llvm_cov import files
from support.native import Library
from support.plans import sample

from wasm_torch_web.errors import ERRORS

CODES = {slug: row.number for slug, row in ERRORS.items()}


def test_the_undamaged_plan_is_accepted(library: Library) -> None:
    assert checking.refusal(library, *sample()) is None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_refused(library: Library, case: Case) -> None:
    failure = checking.run(library, case)
    assert failure is not None
    assert failure.line in checking.lines(case.check, case.source)
    code = "abi-mismatch" if case.name == "abi" else "plan-invalid"
    assert failure.code == CODES[code]


@pytest.mark.parametrize("case", LIMITS, ids=lambda case: case.name)
def test_what_is_just_allowed(library: Library, case: Case) -> None:
    assert checking.run(library, case) is None


@pytest.mark.parametrize(
    ("size", "check"),
    [
        *((215, "size >= sizeof(Header)"), (216, "header.magic")),
        *((1 << 30, "header.magic"), ((1 << 30) + 1, "size <= kMaxPlanBytes")),
    ],
)
def test_a_plan_is_no_larger_than_a_gigabyte(library: Library, size: int, check: str) -> None:
    failure = checking.claimed(library, size)
    assert failure is not None and failure.code == CODES["plan-invalid"]
    assert failure.line in checking.lines(check, "plan_header.cc")


@pytest.mark.parametrize("section", checking.STARVED)
def test_running_out_of_memory(library: Library, section: str) -> None:
    failure = checking.starved(library, section)
    assert failure is not None and failure.code == CODES["out-of-memory"]
    sources = {
        "buffers": "plan_programs.cc",
        "values": "plan_decisions.cc",
        "nodes": "plan_control.cc",
    }
    source = sources.get(section, "plan_records.cc")
    assert "Code::out_of_memory" in (CORE / source).read_text().splitlines()[failure.line - 1]


def test_every_branch_is_covered(tmp_path: Path) -> None:
    """By the cases above, in both directions, as clang counts branches."""
    (library,) = build_native.build("scalar")
    profile, script = tmp_path / "raw", Path(checking.__file__)
    environment = {**os.environ, "LLVM_PROFILE_FILE": str(profile)}
    subprocess.run([sys.executable, "-W", "ignore", script, library], check=True, env=environment)
    found = files(library, [profile], tmp_path)
    checked = {name: found[f"csrc/core/{name}"].branches for name in CHECKER}
    assert sum(map(len, checked.values())) > 300
    missed = {name: [line for line, times in taken if not times] for name, taken in checked.items()}
    assert not any(missed.values()), missed
