"""A built package in, its cold start, speed and memory in Chromium out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table
from starlette.routing import Mount

from wasm_torch_web.benchmark.figures import median, percentile
from wasm_torch_web.benchmark.visit import TIMING, Repeats, Request, Visit, routes, visit
from wasm_torch_web.console import bytes_text, columns
from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.serving import Files, Mailbox, application, running
from wasm_torch_web.verify import exchange, golden
from wasm_torch_web.verify.chromium import apart, describe, launched

PAGES = 3  # fresh pages for each configuration
ADAPTER = "/benchmark/package.js"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Configuration:
    """What `load()` is asked for; None leaves it to the browser."""

    variant: str | None
    threads: int | None

    def options(self) -> dict[str, Any]:
        """For page/package.js."""
        asked = {"variant": self.variant, "threads": self.threads}
        return {"url": "/package"} | {name: value for name, value in asked.items() if value}


@dataclass(frozen=True)
class Figures:
    """One configuration in milliseconds and bytes: medians over its pages, or over all runs."""

    variant: str
    threads: int
    load: float
    first: float
    median: float
    p90: float
    runs: int
    memory: int | None

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "variant": self.variant,
            "threads": self.threads,
            "loadMs": self.load,
            "firstRunMs": self.first,
            "medianMs": self.median,
            "p90Ms": self.p90,
            "runs": self.runs,
            "peakBytes": self.memory,
        }


@dataclass(frozen=True)
class Report:
    """What was measured."""

    package: str
    browser: str
    figures: list[Figures]

    def table(self) -> Table:
        """A row for each configuration."""
        title = f"{self.package} in {self.browser}, milliseconds"
        names = ("variant", "threads>", "load>", "first run>", "median>", "p90>", "peak memory>")
        table = columns(title, *names)
        for one in self.figures:
            times = (f"{ms:.1f}" for ms in (one.load, one.first, one.median, one.p90))
            memory = bytes_text(one.memory) if one.memory is not None else "-"
            table.add_row(one.variant, str(one.threads), *times, memory)
        return table

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "package": self.package,
            "browser": self.browser,
            "configurations": [one.to_json() for one in self.figures],
        }


def configurations(
    variants: Sequence[str] | None, threads: Sequence[int] | None
) -> list[Configuration]:
    """Every variant with every number of threads that it can have.

    By default one thread, and what the browser takes by itself. Raises UserError option-invalid
    where nothing is left.
    """
    counts: Sequence[int | None] = threads or (1, None)
    names: Sequence[str | None] = variants or (None,)
    found = [
        Configuration(name, None if _single(name) else count)
        for name in names
        for count in counts
        if count in (1, None) or not _single(name)
    ]
    if not found:
        raise UserError("option-invalid", name="threads", reason=f"{names[0]} has one thread")
    return list(dict.fromkeys(found))


def _single(variant: str | None) -> bool:
    return variant is not None and variant.endswith("single")


@apart
def measure(
    package: Path,
    asked: Sequence[Configuration],
    runs: int | None = None,
    progress: Progress = lambda step: None,
) -> Report:
    """Visits each configuration in turn, several times over, and times it on the golden inputs.

    `runs` is how often each page runs the model after its warm-up; by default about a second long.
    Raises UserError package-missing, no-chromium, browser-failed.
    """
    manifest = manifests.read(package)
    mailbox = Mailbox()
    address = mailbox.put(exchange.encode(golden.read_inputs(package, manifest, 0)))
    timing = Repeats(runs, runs, 0) if runs else TIMING
    app = application([Mount("/package", Files(directory=package)), *routes(mailbox)])
    visits: dict[Configuration, list[Visit]] = {one: [] for one in asked}
    with running(app) as url, launched() as browser:
        for page in range(PAGES):
            for number, one in enumerate(asked):
                progress(f"page {page + 1} of {PAGES}, configuration {number + 1} of {len(asked)}")
                request = Request(ADAPTER, one.options(), address, timing=timing)
                visits[one].append(visit(browser, url, mailbox, request))
        return Report(manifest["name"], describe(browser), [*map(_figures, visits.values())])


def _figures(visits: Sequence[Visit]) -> Figures:
    times = [ms for one in visits for ms in one.runs]
    peaks = [one.memory for one in visits if one.memory is not None]
    info = visits[0].info
    return Figures(
        variant=info["variant"],
        threads=info["threads"],
        load=median(one.load for one in visits),
        first=median(one.first for one in visits),
        median=median(times),
        p90=percentile(times, 90),
        runs=len(times),
        memory=int(median(peaks)) if peaks else None,
    )
