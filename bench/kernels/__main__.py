"""The kernels in, their speed in Chromium and their share of this machine's FMA peak out.

    python -m bench.kernels [ROUNDS] [--simd simd128] [--only winograd]

Every round measures the peak (12 independent chains of fused multiply-adds) and each case once;
the table shows medians, and shares of the peak: the median over rounds, each against the peak of
its own round, and the best against the best, which a busy machine disturbs less.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.kernels.browser import arguments, measured
from bench.kernels.cases import CASES, Case

PEAK_FLOPS = 96  # a step of bench_peak: 12 chains x 4 lanes x 2


def main() -> None:
    options = arguments("python -m bench.kernels")
    cases = [case for case in CASES if options.only in f"{case.group} {case.label}"]
    calls = [[case.function, *case.sizes] for case in cases]
    browser, times = measured(options.simd, calls, options.rounds)
    title = f"Kernels in {browser}, {options.simd}, one thread"
    Console().print(table(title, cases, times))


def table(title: str, cases: Sequence[Case], times: dict[str, Any]) -> Table:
    """One line a case, under the peak."""
    peaks = [PEAK_FLOPS / ms / 1e6 for ms in times["peak"]]
    peak = statistics.median(peaks)
    result = Table(title=f"{title}; multiply-add peak {peak:.1f} GFLOP/s")
    result.add_column("operator")
    result.add_column("shape")
    for heading in ("ms", "GFLOP/s", "of peak", "best"):
        result.add_column(heading, justify="right")
    group = ""
    for case, taken in zip(cases, times["cases"], strict=True):
        if group and case.group != group:
            result.add_section()
        result.add_row(*line(case, taken, peaks, first=case.group != group))
        group = case.group
    return result


def line(case: Case, taken: list[float], peaks: list[float], first: bool) -> tuple[str, ...]:
    """A row of the table; the operator's name stands in the first of its group."""
    ms = statistics.median(taken)
    speeds = [case.flops / one / 1e6 for one in taken]
    share = statistics.median(speed / peak for speed, peak in zip(speeds, peaks, strict=True))
    numbers = f"{ms:.3f}", f"{case.flops / ms / 1e6:.1f}", f"{share:.0%}"
    return case.group if first else "", case.label, *numbers, f"{max(speeds) / max(peaks):.0%}"


if __name__ == "__main__":
    main()
