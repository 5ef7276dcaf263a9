"""Results in, tables out: as grids of text, which the terminal and the documentation both show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.markup import escape
from rich.table import Table

from bench.results import Measured, Results, summary
from bench.systems import OURS, SYSTEMS
from wasm_torch_web.console import bytes_text, columns


@dataclass(frozen=True)
class Grid:
    """A table; all columns but the first are right-aligned."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def table(self) -> Table:
        """For the terminal."""
        first, *others = self.heads
        table = columns(self.title, first, *(f"{head}>" for head in others))
        table.columns[0].no_wrap = True
        for row in self.rows:
            table.add_row(*map(escape, row))
        return table

    def markdown(self) -> str:
        """For the documentation."""
        rule = ("---", *("--:" for _ in self.heads[1:]))
        rows = ([cell.replace("|", "\\|") for cell in row] for row in self.rows)
        lines = [f"| {' | '.join(row)} |" for row in (self.heads, rule, *rows)]
        return "\n".join([f"### {self.title}", "", *lines, ""])


def grids(results: Results, core: Sequence[str]) -> Iterator[Grid]:
    """Speed for each number of threads, cold start, memory, sizes, and what failed."""
    counts = thread_counts(results)
    yield from (speed(results, threads, core) for threads in counts)
    yield from (cold(results, threads) for threads in counts)
    yield from (memory(results, threads) for threads in counts)
    yield sizes(results)
    if failures := _failures(results):
        yield Grid("What did not run", ("model", "system", "reason"), failures)


def thread_counts(results: Results) -> list[int]:
    """The numbers of threads that were measured."""
    return sorted({threads for _, threads in _measured(results)})


def systems(results: Results, threads: int) -> list[str]:
    """The systems that were measured with so many threads, in the table's order."""
    return [name for name in SYSTEMS if (name, threads) in _measured(results)]


def _measured(results: Results) -> set[tuple[str, int]]:
    keys = {key for entries in results.models.values() for key in entries}
    return {(name, int(threads)) for name, _, threads in (key.rpartition("-") for key in keys)}


def speed(results: Results, threads: int, core: Sequence[str]) -> Grid:
    """Medians in ms; beside the peers' how many times ours."""
    names = systems(results, threads)
    grid = _grid(results, "ms a run, and how many times ours", threads, names, Measured.ms)
    for label, models in (("the eleven", core), ("all", list(results.models))):
        means = [_means(results, name, threads, models) for name in names]
        grid.rows.append((f"{label}: mean", *(mean for mean, _ in means)))
        grid.rows.append((f"{label}: least", *(least for _, least in means)))
    return grid


def cold(results: Results, threads: int) -> Grid:
    """From an empty page to the first output."""
    title = "ms from an empty page to the first output"
    return _grid(results, title, threads, _pages(results, threads), Measured.cold)


def memory(results: Results, threads: int) -> Grid:
    """The page's peak."""
    title = "peak memory of the page in MB"
    return _grid(results, title, threads, _pages(results, threads), Measured.megabytes)


def _pages(results: Results, threads: int) -> list[str]:
    return [name for name in systems(results, threads) if SYSTEMS[name].adapter]


def _grid(
    results: Results,
    title: str,
    threads: int,
    names: Sequence[str],
    value: Callable[[Measured], float | None],
) -> Grid:
    """A row for each model with a value of each system."""
    rows = [
        (model, *(_cell(entries, name, threads, value) for name in names))
        for model, entries in results.models.items()
    ]
    title = f"{threads} thread{'s' if threads > 1 else ''}: {title}"
    return Grid(title, ("model", *(SYSTEMS[name].title for name in names)), rows)


def _cell(
    entries: dict[str, Measured],
    name: str,
    threads: int,
    value: Callable[[Measured], float | None],
) -> str:
    one, own = (entries.get(f"{system}-{threads}") for system in (name, OURS))
    if one is None:
        return ""
    if one.failure:
        return "failed"
    if not one.ok:
        return f"differs by {one.error:.0e}"
    number, reference = value(one), value(own) if own and own.ok else None
    if number is None:
        return "-"
    text = f"{number:.0f}" if number >= 1000 else f"{number:.1f}"
    return text if name == OURS or not reference else f"{text} ({number / reference:.2f}x)"


def _means(results: Results, name: str, threads: int, models: Sequence[str]) -> tuple[str, str]:
    """The geometric mean of the ratios to ours, and the least of them."""
    ratios = results.ratios(models, f"{name}-{threads}", f"{OURS}-{threads}")
    if name == OURS or not ratios:
        return "", ""
    mean, least, _ = summary(ratios)
    return f"{mean:.2f}x", f"{least:.2f}x"


def sizes(results: Results) -> Grid:
    """Bytes of the runtimes that a visit fetches."""
    rows: list[tuple[str, ...]] = []
    for threads in thread_counts(results):
        for name in systems(results, threads):
            entries = (entry.get(f"{name}-{threads}") for entry in results.models.values())
            files = next((one.files for one in entries if one and one.files), None)
            if files:
                plain, compressed = bytes_text(files["runtime"]), bytes_text(files["compressed"])
                rows.append((SYSTEMS[name].title, str(threads), plain, compressed))
    return Grid("Code that a page fetches", ("system", "threads", "plain", "Brotli"), rows)


def _failures(results: Results) -> list[tuple[str, ...]]:
    return [
        (model, key, one.failure)
        for model, entries in results.models.items()
        for key, one in entries.items()
        if one.failure
    ]
