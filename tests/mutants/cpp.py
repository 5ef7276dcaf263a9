"""The plan checker: each mutant is compiled, comes before the library that it is a part of where
names are looked up, and meets every damaged plan, then the tests of what a checked plan does."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import build_native
from compile import COMMON, CSRC, INCLUDES, Compiler
from support import builds
from support.native import Library
from support.plans import choosing, counting, decided, flowing, sample

from mutants.mutation import ROOT, Mutant
from mutants.running import KILLED, NO_PROGRAM, SURVIVED, Group, Judge, alone, tests_fail

sys.path.insert(0, str(ROOT / "tests" / "core"))
import checking
from plan_cases import CASES
from plan_cases.case import damaged

FILES = [str((CSRC / "core" / name).relative_to(ROOT)) for name in sorted(set(checking.CHECKER))]
WHOLE = (sample, counting, decided, choosing, flowing)
TESTS = [
    f"core/test_{name}.py"
    for name in (
        "control",
        "decisions",
        "written",
        "binding",
        "session",
        "expressions",
        "plan_checker",
    )
]
# Damaged plans have been tried before these; the others are slow, and not about the checker.
CHOSEN = "not test_refused and not branch and not sympy and not threads and not seed"


@dataclass(frozen=True)
class Damaged:
    """A plan that must be refused at one of the lines of a check."""

    plan: bytes
    weights: bytes
    lines: range


@contextmanager
def _open(folder: Path) -> Iterator[Judge]:
    (library,) = build_native.build("plain")
    objects = {path: _object(path, (ROOT / path).read_text(), folder) for path in FILES}
    valid = [make() for make in WHOLE]
    made = {make: make() for make in {case.make for case in CASES}}
    refused = [
        Damaged(damaged(case, plan), weights, checking.lines(case.check, case.source))
        for case in CASES
        for plan, weights in (made[case.make],)
    ]

    def fails(path: Path) -> bool:
        return alone(lambda: _wrong(Library(path), valid, refused)) or alone(lambda: _tests(path))

    def judge(mutant: Mutant) -> str:
        changed = _object(mutant.path, mutant.text(), folder)
        if changed is None or changed.read_bytes() == objects[mutant.path].read_bytes():
            return NO_PROGRAM
        return KILLED if fails(_linked(changed, library)) else SURVIVED

    assert not fails(library), "tests of the checker fail as it is"
    yield judge


@functools.cache
def _compiler() -> Compiler:
    return build_native.find_compiler()


def _object(path: str, text: str, folder: Path) -> Path | None:
    """Its name is in the object: the same for all mutants of a file."""
    place = Path(tempfile.mkdtemp(dir=folder))
    source, out = place / Path(path).name, place / "object.o"
    source.write_text(text)
    compiler = _compiler()
    flags = [*COMMON, *build_native.DEFINES, *build_native.COMPILE["plain"], "-fPIC", "-w"]
    command = [*compiler.command, *flags, *INCLUDES, "-c", source, "-o", out]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    return None if done.returncode else out


def _linked(changed: Path, library: Path) -> Path:
    out = changed.with_name("libmutant.so")
    command = [*_compiler().command, "-shared", *build_native.WRAPPED]
    subprocess.run([*command, changed, library, "-o", out], check=True)
    return out


def _wrong(library: Library, valid: list[tuple[bytes, bytes]], refused: list[Damaged]) -> bool:
    """Whether a valid plan is refused, or a damaged one is not where it must be."""
    if any(checking.refusal(library, *plan) for plan in valid):
        return True
    return any(
        (failure := checking.refusal(library, one.plan, one.weights)) is None
        or failure.line not in one.lines
        for one in refused
    )


def _tests(path: Path) -> bool:
    library = Library(path)
    with patch.object(builds, "plain", lambda: library):
        return tests_fail(TESTS, "-k", CHOSEN)


GROUPS = {"checker": Group(FILES, _open)}
