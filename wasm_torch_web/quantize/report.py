"""What `optimize` found out in, tables and JSON out; the picture is in `picture`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.markup import escape
from rich.table import Table

from wasm_torch_web.benchmark.package import Figures
from wasm_torch_web.console import bytes_text, clean, columns
from wasm_torch_web.footprint import Footprint
from wasm_torch_web.quantize.sensitivity import Layer
from wasm_torch_web.quantize.way import Weight

PLAIN = "float32"
LISTED = 10


@dataclass(frozen=True)
class Variant:
    """A way to build the model.

    Attributes:
        error: of the output that moves most, the norm of the difference relative to its own.
        score: what the user's function gives.
        figures: None where there was no browser to time it in.
    """

    kind: str
    size: Footprint
    error: float
    score: float | None
    figures: Figures | None

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        score = {} if self.score is None else {"score": self.score}
        return {
            "kind": self.kind,
            "bytes": {"raw": self.size.raw, "compressed": self.size.compressed},
            "relError": _finite(self.error),
            **score,
            **({} if self.figures is None else self.figures.to_json()),
        }


@dataclass(frozen=True)
class Comparison:
    """The plain package and the one with fewer bits.

    Attributes:
        variants: the plain one first.
        layers: what each way does to one weight alone.
        weights: what became of each.
        metric: the function that gave the scores.
        calibrated: the number of runs that errors were measured on; 0: the example and random ones.
    """

    variants: Sequence[Variant]
    layers: Sequence[Layer]
    weights: Sequence[Weight]
    metric: str | None = None
    calibrated: int = 0

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "variants": [one.to_json() for one in self.variants],
            "layers": [one.to_json() for one in self.layers],
            "metric": self.metric,
            "calibrationRuns": self.calibrated,
        }

    def tables(self) -> Iterator[Table]:
        """Variants; the ways of weights; the layers that move the outputs most."""
        yield self._variants()
        if self.weights:
            yield self._ways()
        if self.layers:
            yield self._layers()

    @property
    def measured_on(self) -> str:
        """In words."""
        return f"{self.calibrated} calibration runs" if self.calibrated else "example and random"

    def _variants(self) -> Table:
        title = f"Variants: error on {self.measured_on} inputs; one thread in Chromium"
        score = [] if self.metric is None else ["score>"]
        names = ("", "weights>", "download>", "error>", *score, "load>", "run>", "memory>")
        shown = columns(title, *names)
        for one in self.variants:
            cells = [bytes_text(one.size.raw["weights"]), bytes_text(one.size.download)]
            cells.append(error_text(one.error))
            cells += [f"{one.score:.4g}"] if one.score is not None else [""] * len(score)
            shown.add_row(one.kind, *cells, *_times(one.figures))
        return shown

    def _ways(self) -> Table:
        counts: Counter[str] = Counter()
        before: Counter[str] = Counter()
        after: Counter[str] = Counter()
        for one in self.weights:
            way = PLAIN if one.kept else one.way
            counts[way] += 1
            before[way] += one.bytes
            after[way] += one.stored
        shown = columns("How weights are stored", "", "weights>", "as float32>", "stored>")
        for way, count in counts.most_common():
            shown.add_row(way, f"{count:,}", bytes_text(before[way]), bytes_text(after[way]))
        return shown

    def _layers(self) -> Table:
        ordered = sorted(self.layers, key=lambda layer: -layer.error)
        shown = columns("Most sensitive: one weight alone", "weight", "way", "error>", "saves>")
        for one in ordered[:LISTED]:
            cells = (one.way, error_text(one.error), bytes_text(one.saved))
            shown.add_row(escape(clean(one.weight)), *cells)
        if len(ordered) > LISTED:
            shown.add_row(f"[dim]{len(ordered) - LISTED:,} more: --json, --report[/]", "", "", "")
        return shown


def error_text(error: float) -> str:
    """`-` where it is no number."""
    return f"{error:.1e}" if math.isfinite(error) else "-"


def _finite(error: float) -> float | None:
    return error if math.isfinite(error) else None


def _times(figures: Figures | None) -> list[str]:
    if figures is None:
        return ["-"] * 3
    memory = "-" if figures.memory is None else bytes_text(figures.memory)
    return [f"{figures.load:.0f} ms", f"{figures.median:.1f} ms", memory]
