"""`wasm-torch-web bench PKG`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wasm_torch_web.cli.options import Counts, chosen_variants, everywhere, variants_option
from wasm_torch_web.console import Console


@click.command("bench", short_help="Time a package, in Chromium.")
@click.argument("package", metavar="PKG", type=click.Path(path_type=Path))
@click.option(
    "--threads",
    type=Counts(),
    help="Numbers of threads, such as 1,2.  [default: 1 and what the browser takes]",
)
@variants_option
@click.option(
    "--runs",
    type=click.IntRange(1, 10_000),
    help="Timed runs a page, of three pages.  [default: a second's worth]",
)
@everywhere
@click.pass_obj
def command(
    console: Console,
    /,
    package: Path,
    threads: tuple[int, ...] | None,
    variants: tuple[str, ...],
    runs: int | None,
) -> dict[str, Any]:
    """Time a built package: cold load, first run, steady runs and memory.

    \b
    wasm-torch-web bench pkg --threads 1 --runs 50
    """
    from wasm_torch_web.benchmark.package import configurations, measure

    asked = configurations(chosen_variants(variants), threads)
    with console.working():
        console.step("bench")
        report = measure(package, asked, runs, console.detail)
    console.print()
    console.print(report.table())
    return report.to_json()
