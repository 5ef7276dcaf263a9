"""`wasm-torch-web validate PKG`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wasm_torch_web.cli.options import (
    chosen_variants,
    everywhere,
    read_options,
    source_options,
    variants_option,
)
from wasm_torch_web.cli.outcome import told
from wasm_torch_web.console import Console


@click.command("validate", short_help="Check a package, in Chromium.")
@click.argument("package", metavar="PKG", type=click.Path(path_type=Path))
@click.option("--source", help="The model it was built from: compares with PyTorch afresh.")
@source_options
@variants_option
@everywhere
@click.pass_obj
def command(
    console: Console,
    /,
    package: Path,
    source: str | None,
    variants: tuple[str, ...],
    **reading: Any,
) -> dict[str, Any]:
    """Check a built package: every file, and its outputs in Chromium.

    \b
    wasm-torch-web validate pkg
    wasm-torch-web validate pkg --source model.pth --variant simd128-single
    """
    from wasm_torch_web.verify.validate import validate

    with console.working():
        reference = None
        if source is not None:
            from wasm_torch_web.opening import open_source
            from wasm_torch_web.quantize.reference import package_reference

            console.step("load")
            options = read_options(**reading)
            opened = open_source(source, options, console.notice, (), package)
            reference = package_reference(opened, package)
        console.step("validate")
        report = validate(package, reference, chosen_variants(variants), console.detail)
    console.print()
    console.print(report.table())
    for skipped in report.skipped:
        console.notice(f"Skipped, as PyTorch refuses it: {skipped}.")
    found = report.to_json()
    with told(found):
        report.raise_if_failed()
    return found
