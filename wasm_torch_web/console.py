"""Everything that a person reads: stages with progress, notices, tables, errors.

The one owner of the terminal. With `--json`, stdout holds one object and all else goes to stderr;
colours and moving lines appear only on a terminal (`NO_COLOR` is respected by rich).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console as Terminal
from rich.console import RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

from wasm_torch_web.errors import WtwError

# The steps of a build in their order; the bar counts them.
STEPS = ("load", "capture", "compile", "arrange", "write", "pack", "verify", "measure")

_REST = Column(ratio=1, no_wrap=True, overflow="ellipsis")


def clean(text: object) -> str:
    """Text from outside, harmless in a terminal: control characters show as escapes."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in str(text))


class Console:
    """Where commands print; the steps of a build inside `working()`."""

    def __init__(self, json: bool = False) -> None:
        self.json = json
        self._terminal = Terminal(stderr=json, highlight=False)
        self._utf8 = self._terminal.encoding.startswith("utf")
        self._progress: Progress | None = None
        self._step = ""
        self._begin = 0.0

    @contextmanager
    def working(self) -> Iterator[None]:
        """Shows the steps that begin inside; each leaves a line, also the one that fails."""
        try:
            yield
        except BaseException:
            self._end_step("[red]✗[/]" if self._utf8 else "[red]x[/]")
            raise
        self._end_step()

    def step(self, title: str) -> None:
        """A new step begins; the one before has gone well."""
        self._end_step()
        self._step, self._begin = title, time.perf_counter()
        if self._terminal.is_terminal:
            self._progress = self._bar(title)
            self._progress.start()

    @contextmanager
    def counting(self, title: str, total: int) -> Iterator[Callable[[str], None]]:
        """A step of `total` parts: call what it gives with the name of each that is done."""

        def advance(name: str) -> None:
            if self._progress is not None:
                task, detail = self._progress.task_ids[0], escape(clean(name))
                self._progress.update(task, total=total, advance=1, detail=detail)

        with self.working():
            self.step(title)
            yield advance

    def detail(self, text: str) -> None:
        """What the step does now; a new text replaces the old one."""
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], detail=escape(clean(text)))

    def part(self, done: int, total: int, text: str) -> None:
        """Of a step that has parts: how many are done, and what this one is about."""
        if self._progress is not None:
            task, detail = self._progress.task_ids[0], escape(clean(text))
            self._progress.update(task, total=total, completed=done, detail=detail)

    def notice(self, text: str) -> None:
        """A sentence that the user should read."""
        self._hanging("[yellow]•[/]" if self._utf8 else "[yellow]*[/]", escape(clean(text)))

    def print(self, renderable: RenderableType = "") -> None:
        """A table or a text of our own (markup is understood)."""
        self._terminal.print(renderable)

    def error(self, error: WtwError) -> None:
        """What is wrong, where, and what to do next."""
        self._hanging(f"[bold red]error {error.code}[/]", escape(clean(error.message)))
        if error.where:
            self._hanging("  at", f"[cyan]{escape(clean(error.where))}[/]")
        self._hanging("  →" if self._utf8 else "  ->", escape(clean(error.hint)))

    def envelope(self, command: str, content: dict[str, Any]) -> None:
        """With `--json`: the one object on stdout."""
        if self.json:
            document = {"ok": "error" not in content, "command": command, **content}
            sys.stdout.write(json.dumps(document, indent=2) + "\n")
            sys.stdout.flush()

    def _end_step(self, mark: str = "") -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        if self._step:
            mark = mark or ("[green]✓[/]" if self._utf8 else "[green]+[/]")
            seconds = time.perf_counter() - self._begin
            self.print(f"{mark} {escape(self._step):10}[dim]{seconds:7.1f} s[/]")
            self._step = ""

    def _hanging(self, mark: str, text: str) -> None:
        """`mark` and a text that wraps beside it on a terminal, and not at all in a log."""
        if not self._terminal.is_terminal:
            self._terminal.print(f"{mark} {text}", soft_wrap=True)
            return
        row = Table.grid(padding=(0, 1))
        row.add_column(width=Text.from_markup(mark).cell_len)
        row.add_column(overflow="fold")
        row.add_row(mark, text)
        self._terminal.print(row)

    def _bar(self, title: str) -> Progress:
        known = title in STEPS
        progress = Progress(
            SpinnerColumn("dots" if self._utf8 else "line"),
            TextColumn(f"{escape(title):10}"),
            TimeElapsedColumn(),
            BarColumn(bar_width=18),
            TextColumn("[dim]{task.fields[detail]}", table_column=_REST),
            console=self._terminal,
            transient=True,
            expand=True,
        )
        total = len(STEPS) if known else None
        progress.add_task("", total=total, completed=STEPS.index(title) if known else 0, detail="")
        return progress


def bytes_text(size: float) -> str:
    """Bytes in the unit that reads best: `812 B`, `41.2 kB`, `46.8 MB`."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.2f} GB"


def shape_text(shape: list[int | str]) -> str:
    """`[batch, 3, 224, 224]`."""
    return f"[{', '.join(str(size) for size in shape)}]"


def columns(title: str, *names: str) -> Table:
    """An empty table in the house's style; a name that ends in `>` is right-aligned."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for name in names:
        right = name.endswith(">")
        table.add_column(
            name.rstrip(">"),
            justify="right" if right else "left",
            header_style="dim",
            no_wrap=right,
            overflow="fold",
        )
    return table
