"""The kernels in, their speed in Chromium and their share of this machine's FMA peak out.

    python -m bench.kernels [ROUNDS] [--simd simd128] [--only winograd]

Every round measures the peak (12 independent chains of fused multiply-adds) and each case once;
the table shows medians, and shares of the peak: the median over rounds, each against the peak of
its own round, and the best against the best, which a busy machine disturbs less.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from starlette.routing import Mount

from bench.kernels.cases import CASES, Case
from bench.kernels.module import build
from wasm_torch_web.serving import application, page, running
from wasm_torch_web.verify.chromium import describe, launched

HERE = Path(__file__).parent
PEAK_FLOPS = 96  # a step of bench_peak: 12 chains x 4 lanes x 2
MEASURE = "async ([cases, rounds]) => (await import('./page.js')).measure(cases, rounds)"


def main() -> None:
    options = arguments()
    cases = [case for case in CASES if options.only in f"{case.group} {case.label}"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bench.wasm").write_bytes(build(options.simd))
        (folder / "page.js").write_bytes((HERE / "page.js").read_bytes())
        (folder / "index.html").write_text("<!doctype html><title>Kernels</title>")
        browser, times = measure(folder, cases, options.rounds)
    title = f"Kernels in {browser}, {options.simd}, one thread"
    Console().print(table(title, cases, times))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.kernels")
    parser.add_argument("rounds", type=int, nargs="?", default=15)
    parser.add_argument("--simd", choices=("relaxed", "simd128"), default="relaxed")
    parser.add_argument("--only", metavar="TEXT", default="", help="part of an operator and shape")
    return parser.parse_args()


def measure(folder: Path, cases: Sequence[Case], rounds: int) -> tuple[str, dict[str, Any]]:
    """The browser's name, and {peak: ms a step, cases: ms a run} for each round."""
    calls = [[case.function, *case.sizes] for case in cases]
    with running(application([Mount("/", page(folder))])) as url, launched() as browser:
        tab = browser.new_page()
        tab.goto(f"{url}/index.html")
        return describe(browser), tab.evaluate(MEASURE, [calls, rounds])


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
