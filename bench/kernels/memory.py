"""Memory-bound kernels in, their time an element and their speed against a plain copy out.

    python -m bench.kernels.memory [ROUNDS] [--simd simd128] [--only softmax]

Beside each case stands a memcpy that moves as many bytes, measured in the same rounds: it says
what the caches and the memory of this machine give.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.kernels.browser import arguments, measured
from bench.kernels.case import MemoryCase
from bench.kernels.memory_cases import MEMORY_CASES


def main() -> None:
    options = arguments("python -m bench.kernels.memory")
    cases = [case for case in MEMORY_CASES if options.only in f"{case.group} {case.label}"]
    calls = [[case.function, *case.sizes] for case in cases]
    copies = [["bench_memcpy", case.moved // 2] for case in cases]
    browser, times = measured(options.simd, [*calls, *copies], options.rounds)
    title = f"Memory-bound kernels in {browser}, {options.simd}, one thread"
    taken = times["cases"]
    Console().print(table(title, cases, taken[: len(cases)], taken[len(cases) :]))


def table(
    title: str,
    cases: Sequence[MemoryCase],
    kernels: Sequence[Sequence[float]],
    copies: Sequence[Sequence[float]],
) -> Table:
    """One line a case; `kernels` and `copies` are ms a run by round."""
    result = Table(title=title)
    result.add_column("operator")
    for heading in ("us", "ns/element", "GB/s", "memcpy GB/s", "of memcpy"):
        result.add_column(heading, justify="right")
    group = ""
    for case, kernel, copy in zip(cases, kernels, copies, strict=True):
        if group and case.group != group:
            result.add_section()
        result.add_row(*line(case, kernel, copy))
        group = case.group
    return result


def line(case: MemoryCase, kernel: Sequence[float], copy: Sequence[float]) -> tuple[str, ...]:
    """A row of the table: medians, and the median of each round's ratio."""
    ms, copy_ms = statistics.median(kernel), statistics.median(copy)
    share = statistics.median(c / k for c, k in zip(copy, kernel, strict=True))
    speeds = f"{case.moved / ms / 1e6:.1f}", f"{case.moved / copy_ms / 1e6:.1f}"
    return case.label, f"{ms * 1e3:.1f}", f"{ms * 1e6 / case.elements:.3f}", *speeds, f"{share:.0%}"


if __name__ == "__main__":
    main()
