"""What fuzzers in Python share: a strategy, a check, limits, and rounds of examples from a seed."""

from __future__ import annotations

import resource
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from wasm_torch_web.errors import UserError

SECONDS = 20  # of one example: what hangs is a finding
BYTES = 1 << 31  # that one example may add to the address space
Check = Callable[[Any], None]


@dataclass(frozen=True)
class Fuzzer:
    """`open(folder)` gives the examples and the check that each must pass; `files` are those of the
    product, by the beginnings of their paths, whose lines are counted."""

    name: str
    open: Callable[[Path], AbstractContextManager[tuple[SearchStrategy[Any], Check]]]
    files: Sequence[str]


def explore(examples: SearchStrategy[Any], check: Check, start: int, most: int) -> int:
    """So many examples from a seed; raises what the check raised, on the smallest example that
    hypothesis found."""
    ran = 0

    @seed(start)
    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(examples)
    def run(example: Any) -> None:
        nonlocal ran
        ran += 1
        with limited():
            check(example)

    run()
    return ran


def coded(work: Callable[[], object]) -> str:
    """`ok`, or the code of the error that the user gets; any other is raised."""
    try:
        work()
    except UserError as error:
        str(error).encode()  # it can be shown
        return error.code
    return "ok"


@contextmanager
def limited() -> Iterator[None]:
    """Raises after some seconds, and where too much memory is asked for."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no end after {SECONDS} s")

    usual = signal.signal(signal.SIGALRM, late)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, hard))
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, usual)


@contextmanager
def lines_of(
    install: Callable[[Any], None], files: Sequence[str], found: set[tuple[str, int]]
) -> Iterator[None]:
    """Notes the lines that run in files whose paths contain one of `files`: in this thread with
    `sys.settrace`, in those that begin with `threading.settrace`."""

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            found.add((frame.f_code.co_filename, frame.f_lineno))
        return line

    def call(frame: FrameType, event: str, argument: Any) -> Any:
        path = frame.f_code.co_filename
        return line if any(one in path for one in files) else None

    install(call)
    try:
        yield
    finally:
        install(None)
