"""`wasm-torch-web optimize SOURCE --out DIR`."""

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
    search_options,
    source_options,
)
from wasm_torch_web.console import Console


@click.command("optimize", short_help="Make a smaller package, with the loss known.")
@click.argument("source", metavar="SOURCE|PKG")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The package's folder.")
@click.option(
    "--source",
    "given",
    metavar="SOURCE",
    help="What PKG was built from; its inputs, axes, name, labels and so on stay those of PKG.",
)
@quantize_options(default="auto")
@search_options
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
    given: str | None,
    out: Path,
    quantize: str,
    skip: tuple[str, ...],
    max_error: float | None,
    target: int | None,
    calibration: tuple[str, ...],
    observer: str,
    min_accuracy: float | None,
    evaluate: str | None,
    others: tuple[str, ...],
    report: Path | None,
    no_verify: bool,
    force: bool,
    no_source_info: bool,
    **rest: Any,
) -> dict[str, Any]:
    """Make a smaller package, next to the one that `build` makes.

    \b
    wasm-torch-web optimize model.pth --out small
    wasm-torch-web optimize model.pth --out small --quantize fp16 --skip 'head.*'
    wasm-torch-web optimize model.pth --out small --target-size 50MB
    wasm-torch-web optimize model.pth --out small --calibration photos/
    wasm-torch-web optimize model.pth --out small --quantize static
    wasm-torch-web optimize model.pth --out small --eval score.py:accuracy
    wasm-torch-web optimize pkg --out small --quantize fp16
    wasm-torch-web optimize pkg --source model.pth --out small

    The package is verified against PyTorch with the same rounded weights; how far those move the
    outputs is measured and told apart from that.
    """
    if min_accuracy is not None and evaluate is None:
        raise click.UsageError("--min-accuracy needs --eval MODULE:FUNCTION")
    if report is not None and report.suffix != ".svg":
        raise click.UsageError(f"--report {report}: not .svg")
    from wasm_torch_web.quantize.optimize import Wanted, optimize
    from wasm_torch_web.quantize.spec import Spec
    from wasm_torch_web.request import Request

    like = Path(source) if given is not None else None
    spec = Spec(quantize, skip, max_error, target, min_accuracy, observer)
    with console.working():
        result, comparison = optimize(
            Request(given or source, source_info=not no_source_info, like=like, **rest),
            Wanted(spec, calibration, evaluate, others),
            console,
            out=out,
            verify=not no_verify,
            force=force,
        )
    size = comparison.variants[-1].size  # the plain one comes first
    tell(console, result, size)
    for table in comparison.tables():
        console.print()
        console.print(table)
    found = to_json(result, size) | comparison.to_json()
    if report is not None:
        from wasm_torch_web.quantize.picture import write

        write(report, result.manifest["name"], comparison)
        found["picture"] = str(report)
    return concluded(result, found)
