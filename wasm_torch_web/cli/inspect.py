"""`wasm-torch-web inspect PKG|SOURCE`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wasm_torch_web.cli.options import dynamic_option, everywhere, read_options, source_options
from wasm_torch_web.console import Console


@click.command("inspect", short_help="Show what a model is made of.")
@click.argument("target", metavar="PKG|SOURCE")
@source_options
@dynamic_option
@everywhere
@click.pass_obj
def command(
    console: Console, /, target: str, dynamic: tuple[str, ...], **reading: Any
) -> dict[str, Any]:
    """Show inputs, outputs, operators, weights by size and the memory of a run.

    \b
    wasm-torch-web inspect pkg
    wasm-torch-web inspect weights.pth --model net.py:make
    """
    from wasm_torch_web import inspection
    from wasm_torch_web.format import manifest

    with console.working():
        if (Path(target) / manifest.FILE).is_file():
            found = inspection.inspect(Path(target))
        else:
            console.step("compile")
            options = read_options(**reading)
            with inspection.compiled(target, options, console.notice, dynamic) as folder:
                found = inspection.inspect(folder)
    for table in found.tables():
        console.print()
        console.print(table)
    return found.to_json()
