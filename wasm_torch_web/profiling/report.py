"""A profile in, tables that fit 80 columns out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.markup import escape
from rich.table import Table

from wasm_torch_web.console import clean, columns
from wasm_torch_web.profiling.measure import Operator, Profile, rate

NUMBERS = ("ms>", "share>", "GFLOP/s>", "limit>")
OPERATOR, MODULE, SHAPE = 16, 20, 13  # characters


@dataclass(frozen=True)
class Total:
    """All operators of one kind; `bound` are their milliseconds where flops are known."""

    operator: str
    count: int
    milliseconds: float
    flops: int
    bound: float


def tables(profile: Profile, top: int) -> Iterator[Table]:
    """What was measured, the slowest operators, totals by operator."""
    yield _card(profile)
    yield _slowest(profile, top)
    yield _totals(profile)


def totals(operators: Sequence[Operator]) -> list[Total]:
    """By kind of operator, the slowest first."""
    ordered = sorted(operators, key=lambda one: one.operator)
    grouped = {name: list(own) for name, own in groupby(ordered, key=lambda one: one.operator)}
    found = [_total(name, own) for name, own in grouped.items()]
    return sorted(found, key=lambda total: -total.milliseconds)


def _total(name: str, operators: Sequence[Operator]) -> Total:
    counted = [one for one in operators if one.flops]
    return Total(
        operator=name,
        count=len(operators),
        milliseconds=sum(one.milliseconds for one in operators),
        flops=sum(one.flops or 0 for one in counted),
        bound=sum(one.milliseconds for one in counted),
    )


def _card(profile: Profile) -> Table:
    table = columns("", "", "")
    table.show_header = False
    threads = f"{profile.threads} thread{'s' if profile.threads > 1 else ''}"
    limit = f"{profile.limit:.1f} GFLOP/s: one thread of this page with {profile.unit} alone"
    table.add_row("model", f"[bold]{escape(clean(profile.package))}[/] in {profile.browser}")
    table.add_row("runtime", f"{profile.variant}, {threads}")
    table.add_row("run", f"{profile.run:.2f} ms, median of {profile.runs}")
    table.add_row("operators", f"{profile.milliseconds:.2f} ms, when each is timed")
    table.add_row("limit", limit + (f", times {profile.threads}" if profile.threads > 1 else ""))
    return table


def _slowest(profile: Profile, top: int) -> Table:
    slowest = sorted(profile.operators, key=lambda one: -one.milliseconds)
    listed = slowest[:top]
    title = f"The slowest {len(listed)} of {len(slowest):,} operators"
    table = _narrow(columns(title, "operator", "module", "shape", *NUMBERS))
    for one in listed:
        table.add_row(
            escape(_cut(one.operator, OPERATOR)),
            escape(_cut(one.module, MODULE)),
            _cut("x".join(map(str, one.shape)), SHAPE),
            *_numbers(profile, one.milliseconds, one.gflops),
        )
    if len(slowest) > top:
        rest = sum(one.milliseconds for one in slowest[top:])
        table.add_row(
            f"[dim]{len(slowest) - top:,} more[/]", "", "", *_numbers(profile, rest, None)
        )
    return table


def _totals(profile: Profile) -> Table:
    table = _narrow(columns("Totals", "operator", "count>", *NUMBERS))
    for total in totals(profile.operators):
        # Operators whose sizes are not known count for time, not for speed.
        gflops = rate(total.flops, total.bound)
        numbers = _numbers(profile, total.milliseconds, gflops)
        table.add_row(escape(clean(total.operator)), str(total.count), *numbers)
    return table


def _narrow(table: Table) -> Table:
    table.padding = (0, 1, 0, 0)
    return table


def _numbers(profile: Profile, milliseconds: float, gflops: float | None) -> tuple[str, ...]:
    share = milliseconds / profile.milliseconds if profile.milliseconds else 0
    speed = ("", "") if gflops is None else (f"{gflops:.1f}", f"{gflops / profile.limit:.0%}")
    return f"{milliseconds:.3f}", f"{share:.1%}", *speed


def _cut(text: str, width: int) -> str:
    """The end of a long text: there module paths differ."""
    text = clean(text)
    return text if len(text) <= width else f"…{text[1 - width :]}"
