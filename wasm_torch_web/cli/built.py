"""What a build made in, what `build` and `optimize` tell of it out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from wasm_torch_web.cli.outcome import told
from wasm_torch_web.console import Console, bytes_text, clean, columns

if TYPE_CHECKING:
    from wasm_torch_web.footprint import Footprint
    from wasm_torch_web.pipeline import BuildResult

_LISTED = 10


def concluded(result: BuildResult, found: dict[str, Any]) -> dict[str, Any]:
    """`found` again. Raises what verification ended with, which carries it."""
    with told(found):
        if result.report is not None:
            result.report.raise_if_failed()
        if result.problem is not None:
            raise result.problem
    return found


def tell(console: Console, result: BuildResult, size: Footprint) -> None:
    """Prints the tables."""
    manifest = result.manifest
    for table in [*([result.report.table()] if result.report else []), *_quantized(result)]:
        console.print()
        console.print(table)
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
    console.print()
    console.print(table)


def _verdict(result: BuildResult) -> str:
    if result.report is not None and result.verification == "passed":
        return f"[green]yes[/], max abs error {result.report.max_abs_error:.1e}"
    return {
        "wasmtime": "[yellow]not against PyTorch[/]: Chromium gives what wasmtime gives",
        "failed": "[red]no, outputs differ from PyTorch[/]",
        "unavailable": "[yellow]not yet, no browser[/]",
    }.get(result.verification, "[yellow]not yet (--no-verify)[/]")


def _quantized(result: BuildResult) -> Iterator[Table]:
    """How far rounded weights move the outputs, and which were left alone."""
    if not result.manifest.get("quantized"):
        return
    title = "What rounded weights change, next to the model as it was"
    table = columns(title, "output", "max abs>", "relative>", "same largest>")
    for one in result.drift:
        top = "" if one.same_top is None else f"{one.same_top:.1%}"
        table.add_row(escape(clean(one.name)), _error(one.max_abs), _error(one.relative), top)
    yield table
    kept = sorted((w for w in result.weights if w.kept), key=lambda weight: -weight.bytes)
    if not kept:
        return
    table = columns(f"{len(kept):,} of {len(result.weights):,} weights stay float32", "name", "why")
    for weight in kept[:_LISTED]:
        table.add_row(escape(clean(weight.name)), f"{bytes_text(weight.bytes)}: {weight.kept}")
    if len(kept) > _LISTED:
        table.add_row(f"[dim]{len(kept) - _LISTED:,} more[/]", "")
    yield table


def _error(value: float | None) -> str:
    """`-` where sizes differ, or places of what is not finite."""
    return "-" if value is None else f"{value:.1e}"


def to_json(result: BuildResult, size: Footprint) -> dict[str, Any]:
    """For `--json`."""
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
        **_quantized_json(result),
    }


def _quantized_json(result: BuildResult) -> dict[str, Any]:
    if not result.manifest.get("quantized"):
        return {}
    return {
        "drift": [one.to_json() for one in result.drift],
        "weights": [weight.to_json() for weight in result.weights],
    }
