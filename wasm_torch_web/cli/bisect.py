"""`wasm-torch-web bisect PKG --source SOURCE`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wasm_torch_web.cli.options import (
    dynamic_option,
    everywhere,
    read_options,
    source_options,
    variant_option,
)
from wasm_torch_web.console import Console


@click.command("bisect", short_help="Find where browser and PyTorch part.")
@click.argument("package", metavar="PKG", type=click.Path(path_type=Path))
@click.option("--source", required=True, help="The model it was built from.")
@source_options
@dynamic_option
@variant_option
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Write a report, the values and a package of the operator alone.",
)
@click.option("--force", is_flag=True, help="Replace DIR whatever it holds.")
@everywhere
@click.pass_obj
def command(
    console: Console,
    /,
    package: Path,
    source: str,
    dynamic: tuple[str, ...],
    variant: str | None,
    out: Path | None,
    force: bool,
    **reading: Any,
) -> dict[str, Any]:
    """Find the first operator where the browser and PyTorch part.

    \b
    wasm-torch-web bisect pkg --source model.pth --out report

    Example inputs and dynamic axes are those of the package unless given. Without --variant, the
    value that differs is compared in every variant.
    """
    from wasm_torch_web.bundle import check_replaceable, staged
    from wasm_torch_web.compiler import compile_program
    from wasm_torch_web.opening import open_source
    from wasm_torch_web.verify import evidence
    from wasm_torch_web.verify.bisect import bisect

    if out is not None:
        check_replaceable(out, force)

    with console.working():
        console.step("load")
        options = read_options(**reading)
        opened = open_source(source, options, console.notice, dynamic, package)
        console.step("bisect")
        found = bisect(package, opened.program, variant, console.detail)
        alone = None
        if out is not None and found.first is not None:
            console.step("report")
            eager = opened.reference(), opened.example()
            graph = compile_program(opened.program, opened.axes, eager).graph
            with staged(out, force) as folder:
                alone = evidence.write(folder, found, graph, console.detail)
    for table in [*found.tables(), *([alone.table()] if alone else [])]:
        console.print()
        console.print(table)
    report = {"report": str(out / evidence.REPORT)} if out is not None and found.first else {}
    return found.to_json() | report | ({"alone": alone.to_json()} if alone else {})
