"""The plan checker: each mutant is compiled, loads before the library that it is a part of, and
then meets every damaged plan, valid plans, and the tests of what a checked plan does."""

from __future__ import annotations

import subprocess
import sys, time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import build_native
from compile import COMMON, CSRC, INCLUDES
from support import builds
from support.cases import all_plans
from support.native import Failure, Library
from support.plans import choosing, counting, decided, flowing, sample

from mutants.mutation import ROOT, Mutant
from mutants.running import KILLED, NO_PROGRAM, SURVIVED, Group, Judge, alone, tests_fail

sys.path.insert(0, str(ROOT / "tests" / "core"))
import checking
from plan_cases import CASES
from plan_cases.case import damaged

WHOLE = (sample, counting, decided, choosing, flowing)
TESTS = (
    *("test_plan_checker.py", "test_control.py", "test_decisions.py", "test_session.py"),
    *("test_binding.py", "test_expressions.py"),
)
# Those are looked at before; counting branches compiles the checker anew.
BEFORE = "not test_refused and not branch"


@dataclass(frozen=True)
class Damaged:
    """A plan that must be refused at one of the lines of a check."""

    plan: bytes
    weights: bytes
    lines: range


@contextmanager
def _open(folder: Path) -> Iterator[Judge]:
    begin = time.time()
    compiler = build_native.find_compiler()
    (whole,) = build_native.build("plain")
    flags = [*COMMON, *build_native.DEFINES, *build_native.COMPILE["plain"], "-fPIC", "-w"]
    made = {make: make() for make in {case.make for case in CASES}}
    refused = [
        Damaged(damaged(case, plan), weights, checking.lines(case.check, case.source))
        for case in CASES
        for plan, weights in (made[case.make],)
    ]
    valid = [make() for make in WHOLE]
    valid += [(one.plan, bytes(one.weights)) for one in all_plans() if "[0" in one.name]

    def compiled(source: str, text: str, place: Path) -> Path | None:
        file = place / Path(source).name
        file.write_text(text)
        command = [*compiler.command, *flags, *INCLUDES, "-c", str(file), "-o", f"{file}.o"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        return None if done.returncode else Path(f"{file}.o")

    def judge(mutant: Mutant) -> str:
        times = [time.time()]
        place = folder / str(abs(hash(mutant)))
        place.mkdir()
        changed = compiled(mutant.path, mutant.text(), place)
        if changed is None or changed.read_bytes() == whole_objects[mutant.path]:
            return NO_PROGRAM
        library = place / "libmutant.so"
        times.append(time.time())
        # Before the library in the order in which names are looked up.
        link = [*compiler.command, "-shared", *build_native.WRAPPED, changed, whole, "-o", library]
        subprocess.run(link, check=True)
        times.append(time.time()); print(mutant, [b - a for a, b in zip(times, times[1:])])
        died = alone(lambda: _wrong(library, refused, valid)) or alone(lambda: _tests(library))
        return KILLED if died else SURVIVED

    whole_objects = {}
    for source in FILES:
        (folder / "whole").mkdir(exist_ok=True)
        built = compiled(source, (ROOT / source).read_text(), folder / "whole")
        assert built is not None
        whole_objects[source] = built.read_bytes()
    print("ready", time.time() - begin)
    yield judge


def _wrong(path: Path, refused: list[Damaged], valid: list[tuple[bytes, bytes]]) -> bool:
    library = Library(path)
    if any(checking.refusal(library, plan, weights) for plan, weights in valid):
        return True
    return any(not _is_refused(library, one) for one in refused)


def _is_refused(library: Library, one: Damaged) -> bool:
    failure = checking.refusal(library, one.plan, one.weights)
    return isinstance(failure, Failure) and failure.line in one.lines


def _tests(path: Path) -> bool:
    builds.plain = lambda: Library(path)  # type: ignore[assignment]
    return tests_fail([f"core/{test}" for test in TESTS], "-k", BEFORE)


FILES = [str((CSRC / "core" / name).relative_to(ROOT)) for name in sorted(set(checking.CHECKER))]
GROUPS = {"checker": Group(FILES, _open)}
