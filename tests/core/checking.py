"""The plan checker on every damaged plan: what refused it, at which line.

python tests/core/checking.py LIBRARY    (all cases once: what coverage is measured on)
"""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from plan_cases import CASES
from plan_cases.case import Case, damaged
from plan_cases.records import zero_state
from support.native import Failure, Library, NativeModel
from support.plans import Sections, choosing, decided, flowing, sample

ROOT = Path(__file__).parents[2]
CORE = ROOT / "csrc" / "core"
CHECKER = ("plan.cc", *sorted({case.source for case in CASES}))  # files


def refusal(library: Library, plan: bytes, weights: bytes) -> Failure | None:
    """Why the plan is refused, or None."""
    try:
        NativeModel(library, plan, weights).close()
    except Failure as failure:
        return failure
    return None


def lines(check: str, name: str) -> range:
    """The lines of the statement in csrc/core/`name` that contains `check`."""
    source = (CORE / name).read_text()
    assert source.count(check) == 1, f"{check} is not unique"
    place = source.index(check)
    before = source[: max(source.rfind(mark, 0, place) for mark in ";{}")]
    end = source.index(";", place)
    return range(before.count("\n") + 1, source.count("\n", 0, end) + 2)


def claimed(library: Library, size: int) -> Failure | None:
    """Why a plan of that claimed size is refused."""
    memory = library.copy(bytes(256))
    model = library.c.wtw_model_new(memory, size, memory, 0)
    library.c.wtw_free(memory)
    return None if model else library.failure()


@contextmanager
def no_more_memory(library: Library) -> Iterator[None]:
    """The address space of this process cannot grow, and what malloc still has is taken."""
    (size,) = (int(line.split()[1]) for line in _status() if line.startswith("VmSize"))
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (size << 10, hard))
    taken = []
    try:
        while block := library.c.wtw_alloc(1 << 18):
            taken.append(block)
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        for block in taken:
            library.c.wtw_free(block)


def _status() -> list[str]:
    return Path("/proc/self/status").read_text().splitlines()


def starved(library: Library, section: str) -> Failure | None:
    """Why a plan with very many records of a section is refused where memory has run out."""
    plan, weights = STARVED[section]()
    sections = Sections(plan)
    records = getattr(sections, section)
    records += [records[-1]] * (65000 if section == "nodes" else LARGE)
    content = sections.pack()
    memory = [library.copy(content), library.copy(weights)]
    with no_more_memory(library):
        model = library.c.wtw_model_new(memory[0], len(content), memory[1], len(weights))
        failure = library.failure()
    for address in memory:
        library.c.wtw_free(address)
    return None if model else failure


LARGE = 1 << 20  # records
STARVED = {
    "ops": sample,
    "symbols": sample,
    "exprs": sample,
    "buffers": sample,
    "values": decided,
    "nodes": flowing,
}


def run(library: Library, case: Case) -> Failure | None:
    """What refuses the case."""
    plan, weights = case.make()
    return refusal(library, damaged(case, plan), weights)


def main() -> None:
    library = Library(Path(sys.argv[1]))
    plan, weights = sample()
    assert refusal(library, plan, weights) is None
    for make in (decided, choosing, flowing):
        assert refusal(library, *make()) is None
    assert run(library, Case("zero-state", "", "", zero_state)) is None
    for case in CASES:
        run(library, case)
    claimed(library, 1 << 31)
    for section in STARVED:
        starved(library, section)


if __name__ == "__main__":
    main()
