"""Every check of csrc/core/plan.cc refuses what it is there for, and none is untested."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import checking
import pytest
from checking import SOURCE
from plan_cases import CASES, Case
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
    assert failure.line in checking.lines(case.check), SOURCE.splitlines()[failure.line - 1]
    code = "abi-mismatch" if case.name == "header-abi" else "plan-invalid"
    assert failure.code == CODES[code]


def test_a_plan_is_smaller_than_a_gigabyte(library: Library) -> None:
    failure = checking.claimed(library, (1 << 30) + 1)
    assert failure is not None and failure.code == CODES["plan-invalid"]


@pytest.mark.parametrize("section", checking.STARVED)
def test_running_out_of_memory(library: Library, section: str) -> None:
    failure = checking.starved(library, section)
    assert failure is not None and failure.code == CODES["out-of-memory"]
    assert "Code::out_of_memory" in SOURCE.splitlines()[failure.line - 1]


def test_every_branch_is_covered(tmp_path: Path) -> None:
    """By the cases above, in both directions, as clang counts branches."""
    import build_native
    import toolchain

    (library,) = build_native.build("coverage")
    raw, merged = tmp_path / "raw", tmp_path / "merged"
    environment = {**os.environ, "LLVM_PROFILE_FILE": str(raw)}
    script = Path(checking.__file__)
    subprocess.run([sys.executable, "-W", "ignore", script, library], check=True, env=environment)
    profdata, cov = toolchain.clang("llvm-profdata"), toolchain.clang("llvm-cov")
    subprocess.run([profdata, "merge", "-o", merged, raw], check=True)
    report = subprocess.run(
        [cov, "export", library, f"-instr-profile={merged}"],
        check=True,
        capture_output=True,
        text=True,
    )
    # A cached object names its source where it was compiled, which may be another checkout.
    files = json.loads(report.stdout)["data"][0]["files"]
    (found,) = (file for file in files if file["filename"].endswith("csrc/core/plan.cc"))
    summary = found["summary"]["branches"]
    # Branches inside macros are in the summary alone; llvm-cov show names them.
    missed = {branch[0] for branch in found["branches"] if 0 in branch[4:6]}
    said = [f"{line}: {SOURCE.splitlines()[line - 1]}" for line in sorted(missed)]
    assert summary["count"] > 300 and summary["percent"] == 100, said
