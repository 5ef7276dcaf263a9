"""`wasm-torch-web build SOURCE --out DIR`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from wasm_torch_web.console import Console, columns

if TYPE_CHECKING:
    from wasm_torch_web.pipeline import BuildResult


@click.command("build", short_help="Turn a PyTorch model into an npm package.")
@click.argument("source", metavar="SOURCE")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The package's folder.")
@source_options
@dynamic_option
@extras_options
@quantize_options(default=None)
@package_options
@click.option("--explain", is_flag=True, help="Show what each pass of the compiler did.")
@everywhere
@click.pass_obj
def command(
    console: Console,
    /,
    source: str,
    explain: bool,
    no_verify: bool,
    no_source_info: bool,
    **rest: Any,
) -> dict[str, Any]:
    """Turn a PyTorch model into an npm package, and prove it against PyTorch.

    \b
    wasm-torch-web build model.pth --out pkg
    wasm-torch-web build weights.pth --model net.py:make --out pkg --no-verify
    wasm-torch-web build model.pth --preprocess image --labels names.txt --out pkg

    SOURCE is told apart by its content: a torch.export archive, a TorchScript archive, a state
    dict (.pth, .safetensors) with --model, or a Hugging Face folder.
    """
    from wasm_torch_web.footprint import measure
    from wasm_torch_web.pipeline import build

    with console.working():
        result = build(
            source,
            verify=not no_verify,
            source_info=not no_source_info,
            console=console,
            **rest,
        )
        console.step("measure")
        size = measure(result.out, result.manifest)
    if explain:
        _explain(console, result)
    tell(console, result, size)
    return concluded(result, to_json(result, size))


def _explain(console: Console, result: BuildResult) -> None:
    table = columns("Passes", "pass", "changes>", "operators>")
    for step in result.steps:
        table.add_row(step.name, str(step.changes or "-"), str(step.nodes))
    console.print()
    console.print(table)
