"""`wasm-torch-web profile PKG`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wasm_torch_web.cli.options import MAX_THREADS, everywhere, variant_option
from wasm_torch_web.console import Console


@click.command("profile", short_help="Show where the time of a run goes.")
@click.argument("package", metavar="PKG", type=click.Path(path_type=Path))
@click.option(
    "--runs", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Profiled runs."
)
@click.option(
    "--threads",
    type=click.IntRange(1, MAX_THREADS),
    help="Threads.  [default: what the browser takes]",
)
@variant_option
@click.option(
    "--top", type=click.IntRange(1), default=20, show_default=True, help="Operators to list."
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a flame chart to this file.",
)
@everywhere
@click.pass_obj
def command(
    console: Console,
    /,
    package: Path,
    runs: int,
    threads: int | None,
    variant: str | None,
    top: int,
    html: Path | None,
) -> dict[str, Any]:
    """Time every operator of a built package in Chromium, on its golden inputs.

    \b
    wasm-torch-web profile pkg --html flames.html

    For products (convolutions, matrices, attention) it also tells GFLOP/s, and their share of what
    the machine reaches in the same page at best.
    """
    from wasm_torch_web.errors import UserError
    from wasm_torch_web.profiling import flame, report
    from wasm_torch_web.profiling.measure import measure

    with console.working():
        console.step("profile")
        profile = measure(package, variant, threads, runs, console.detail)
        if html is not None:
            try:
                html.write_text(flame.page(profile), encoding="utf-8")
            except OSError as error:
                reason = error.strerror or error
                raise UserError("out-unwritable", path=html, reason=reason) from error
    for table in report.tables(profile, top):
        console.print()
        console.print(table)
    return profile.to_json()
