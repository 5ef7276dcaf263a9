"""A source in, its package with fewer bits and what it is next to the plain one out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.table import Table

from wasm_torch_web.benchmark.package import Configuration, Figures
from wasm_torch_web.benchmark.package import measure as bench
from wasm_torch_web.console import bytes_text, columns
from wasm_torch_web.errors import Kind, UserError
from wasm_torch_web.footprint import Footprint
from wasm_torch_web.footprint import measure as footprint
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.pipeline import BuildResult, Console, build

PLAIN = "float32"


@dataclass(frozen=True)
class Variant:
    """A way to build the model; `figures` are None where there was no browser to time it in."""

    kind: str
    size: Footprint
    relative: float | None
    figures: Figures | None

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        figures = {} if self.figures is None else self.figures.to_json()
        return {
            "kind": self.kind,
            "bytes": {"raw": self.size.raw, "compressed": self.size.compressed},
            "relError": self.relative,
            **figures,
        }


def optimize(
    source: str, quantize: str, console: Console, *, out: Path, verify: bool, **rest: Any
) -> tuple[BuildResult, list[Variant]]:
    """Builds both; the arguments are those of `build`. Raises UserError quantize-package and what
    `build` raises; where outputs differ from the reference, the result says so."""
    if manifests.is_ours(Path(source)):
        raise UserError("quantize-package", path=source)
    asked = {name: rest.pop(name) for name in ("skip", "max_error")}
    with TemporaryDirectory() as scratch:
        console.step(PLAIN)
        plain = build(source, out=Path(scratch, "plain"), verify=False, **rest)
        result = build(
            source, out=out, verify=verify, quantize=quantize, console=console, **asked, **rest
        )
        console.step("measure")
        figures = [_timed(one, console) if verify else None for one in (plain, result)]
        errors = [one.relative for one in result.drift if one.relative is not None]
        return result, [
            Variant(PLAIN, footprint(plain.out, plain.manifest), 0.0, figures[0]),
            Variant(
                quantize,
                footprint(result.out, result.manifest),
                max(errors, default=None),
                figures[1],
            ),
        ]


def _timed(result: BuildResult, console: Console) -> Figures | None:
    """On one thread: those of a busy machine differ too much otherwise."""
    try:
        report = bench(result.out, [Configuration(None, 1)], progress=console.detail)
    except UserError as error:
        if error.kind is not Kind.ENVIRONMENT:
            raise
        console.notice(f"Not timed: {error.message}.")
        return None
    return report.figures[0]


def table(variants: Sequence[Variant]) -> Table:
    """A row for each."""
    names = ("", "weights>", "download>", "error>", "load ms>", "run ms>", "memory>")
    shown = columns("Variants: files, download with Brotli; one thread in Chromium", *names)
    for one in variants:
        raw, error = one.size.raw["weights"], one.relative
        cells = [bytes_text(raw), bytes_text(one.size.download)]
        cells.append("-" if error is None else f"{error:.1e}")
        if one.figures is None:
            cells += ["-"] * 3
        else:
            memory = one.figures.memory
            cells += [f"{one.figures.load:.0f}", f"{one.figures.median:.1f}"]
            cells.append("-" if memory is None else bytes_text(memory))
        shown.add_row(one.kind, *cells)
    return shown
