"""`wasm-torch-web optimize SOURCE --out DIR --quantize KIND`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wasm_torch_web.cli.built import concluded, tell, to_json
from wasm_torch_web.cli.options import (
    dynamic_option,
    everywhere,
    extras_options,
    package_options,
    quantize_options,
    source_options,
)
from wasm_torch_web.console import Console


@click.command("optimize", short_help="Make a smaller package, with the loss known.")
@click.argument("source", metavar="SOURCE")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The package's folder.")
@quantize_options(required=True)
@source_options
@dynamic_option
@extras_options
@package_options
@everywhere
@click.pass_obj
def command(
    console: Console,
    /,
    source: str,
    quantize: str,
    no_verify: bool,
    no_source_info: bool,
    **rest: Any,
) -> dict[str, Any]:
    """Make a smaller package, next to the one that `build` makes.

    \b
    wasm-torch-web optimize model.pth --out small --quantize fp16 --max-error 0.01

    The package is verified against PyTorch with the same rounded weights; how far those move the
    outputs is measured and told apart from that.
    """
    from wasm_torch_web.quantize.variants import optimize, table

    with console.working():
        result, variants = optimize(
            source,
            quantize,
            console,
            verify=not no_verify,
            source_info=not no_source_info,
            **rest,
        )
    size = variants[-1].size  # the plain one comes first
    tell(console, result, size)
    console.print()
    console.print(table(variants))
    found = {"variants": [one.to_json() for one in variants]}
    return concluded(result, to_json(result, size) | found)
