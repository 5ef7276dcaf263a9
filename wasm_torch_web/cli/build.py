"""`wasm-torch-web build SOURCE --out DIR`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from wasm_torch_web.cli.options import dynamic_option, everywhere, extras_options, source_options
from wasm_torch_web.cli.outcome import told
from wasm_torch_web.console import Console, bytes_text, clean, columns

if TYPE_CHECKING:
    from wasm_torch_web.footprint import Footprint
    from wasm_torch_web.pipeline import BuildResult


@click.command("build", short_help="Turn a PyTorch model into an npm package.")
@click.argument("source", metavar="SOURCE")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The package's folder.")
@source_options
@dynamic_option
@extras_options
@click.option("--name", help="The npm package's name; default: from SOURCE.")
@click.option("--version", help="The npm package's version.  [default: 0.1.0]")
@click.option("--no-verify", is_flag=True, help="Skip the check against PyTorch in Chromium.")
@click.option("--force", is_flag=True, help="Replace --out whoever wrote it.")
@click.option("--explain", is_flag=True, help="Show what each pass of the compiler did.")
@click.option("--no-source-info", is_flag=True, help="Say nothing of the model's code and files.")
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
    _summary(console, result, size)
    found = _json(result, size)
    with told(found):
        if result.report is not None:
            result.report.raise_if_failed()
        if result.problem is not None:
            raise result.problem
    return found


def _explain(console: Console, result: BuildResult) -> None:
    table = columns("Passes", "pass", "changes>", "operators>")
    for step in result.steps:
        table.add_row(step.name, str(step.changes or "-"), str(step.nodes))
    console.print()
    console.print(table)


def _summary(console: Console, result: BuildResult, size: Footprint) -> None:
    manifest = result.manifest
    console.print()
    if result.report is not None:
        console.print(result.report.table())
        console.print()
    table = columns("", "", "")
    table.show_header = False
    table.add_row("package", f"[bold]{escape(manifest['name'])}[/] {manifest['version']}")
    table.add_row("folder", escape(clean(result.out)))
    table.add_row("operators", f"{len(manifest['graph']['nodes']):,}")
    table.add_row("parameters", f"{manifest['parameters']:,}")
    table.add_row("size", f"{bytes_text(size.disk)} on disk")
    parts = ", ".join(f"{kind} {bytes_text(part)}" for kind, part in size.compressed.items())
    table.add_row("download", f"{bytes_text(size.download)} with Brotli\n[dim]{parts}[/]")
    table.add_row("verified", _verdict(result))
    spent = ", ".join(f"{step} {seconds:.1f}" for step, seconds in result.seconds.items())
    table.add_row("time", f"{sum(result.seconds.values()):.1f} s\n[dim]{spent}[/]")
    console.print(table)


def _verdict(result: BuildResult) -> str:
    if result.report is not None and result.verification == "passed":
        return f"[green]yes[/], max abs error {result.report.max_abs_error:.1e}"
    return {
        "failed": "[red]no, outputs differ from PyTorch[/]",
        "unavailable": "[yellow]not yet, no browser[/]",
    }.get(result.verification, "[yellow]not yet (--no-verify)[/]")


def _json(result: BuildResult, size: Footprint) -> dict[str, Any]:
    manifest = result.manifest
    return {
        "out": str(result.out),
        "name": manifest["name"],
        "version": manifest["version"],
        "verification": result.verification,
        "operators": len(manifest["graph"]["nodes"]),
        "parameters": manifest["parameters"],
        "bytes": {"disk": size.disk, "raw": size.raw, "compressed": size.compressed},
        "seconds": result.seconds,
        "notices": result.notices,
        "passes": [
            {"name": step.name, "changes": step.changes, "operators": step.nodes}
            for step in result.steps
        ],
        "report": result.report.to_json() if result.report is not None else None,
    }
