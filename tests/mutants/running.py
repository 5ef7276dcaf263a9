"""Mutants in, what became of each out; a test process is forked off one that has all imported."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from mutants.mutation import ROOT, Mutant

KILLED, SURVIVED = "killed", "survived"
NO_PROGRAM = "no program"  # does not compile, or its program is the same: does not count
SECONDS = 20  # of the processor for one mutant, whose tests take some: what hangs is killed
BYTES = 8 << 30  # of address space that they may add
Judge = Callable[[Mutant], str]
_JUDGES: list[Judge] = []


@dataclass(frozen=True)
class Group:
    """Files that one kind of test guards. `open` gives what judges their mutants, and gets a folder
    of its own."""

    files: Sequence[str]
    open: Callable[[Path], AbstractContextManager[Judge]]


def judged(
    group: Group, mutants: Sequence[Mutant], folder: Path, jobs: int
) -> Iterator[tuple[Mutant, str]]:
    """In the order of the mutants. Raises AssertionError where the tests fail without a mutant."""
    with group.open(folder) as judge:
        for path in {mutant.path for mutant in mutants}:
            assert judge(Mutant(path, 0, "", "", 1)) != KILLED, f"tests of {path} fail as it is"
        context = multiprocessing.get_context("fork")
        # Functions travel to other processes by being there when these are forked.
        _JUDGES.append(judge)
        with context.Pool(jobs) as pool:
            yield from zip(mutants, pool.imap(_judged, mutants), strict=True)


def _judged(mutant: Mutant) -> str:
    return _JUDGES[-1](mutant)


def alone(fails: Callable[[], object]) -> bool:
    """Whether it says so, in a process of its own; who crashes, hangs or wants too much fails."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] != 0
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(30 * SECONDS)
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        os._exit(1 if fails() else 0)
    finally:
        os._exit(1)


def tests_fail(tests: Sequence[str], *options: str) -> bool:
    """Whether one of them does, in this process; tests/conftest.py, with its browsers, is left
    out."""
    paths = [str(ROOT / "tests" / test) for test in tests]
    above = f"--confcutdir={ROOT / 'tests' / Path(tests[0]).parts[0]}"
    # Plugins and the rewriting of assertions would take most of the time.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    settings = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-W", "ignore", above]
    return pytest.main([*settings, *options, *paths]) != pytest.ExitCode.OK
