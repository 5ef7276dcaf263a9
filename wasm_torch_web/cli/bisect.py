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
@everywhere
@click.pass_obj
def command(
    console: Console,
    /,
    package: Path,
    source: str,
    dynamic: tuple[str, ...],
    variant: str | None,
    **reading: Any,
) -> dict[str, Any]:
    """Find the first operator where the browser and PyTorch part.

    Example inputs and dynamic axes are those of the package unless given.
    """
    from wasm_torch_web.opening import open_source
    from wasm_torch_web.verify.bisect import bisect

    with console.working():
        console.step("load")
        options = read_options(**reading)
        opened = open_source(source, options, console.notice, dynamic, package)
        console.step("bisect")
        found = bisect(package, opened.program, variant, console.detail)
    console.print()
    console.print(found.table())
    return found.to_json()
