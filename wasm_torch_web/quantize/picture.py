"""What `optimize` found out in, an SVG picture out, readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from wasm_torch_web.console import bytes_text
from wasm_torch_web.errors import UserError
from wasm_torch_web.quantize.report import Comparison, Variant, error_text
from wasm_torch_web.quantize.sensitivity import Layer

WIDTH, NAMES, NUMBERS = 760, 250, 90  # of all, of names, of the numbers behind bars
BAR, ROW = 12, 18  # heights of a bar, and with the space below it
MOST_LAYERS = 60
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .dim { fill: #59636e } .right { text-anchor: end }
.back { fill: #ffffff } .bar { fill: #0969da } .plain { fill: #afb8c1 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .dim { fill: #9198a1 } .back { fill: #0d1117 }
  .bar { fill: #4493f8 } .plain { fill: #656c76 }
}
"""
Bar = tuple[str, float, str, str]  # what it is of, its share of the width, the number, its class


def write(path: Path, name: str, comparison: Comparison) -> None:
    """Raises UserError out-unwritable."""
    try:
        path.write_text(picture(name, comparison), encoding="utf-8")
    except OSError as error:
        raise UserError("out-unwritable", path=path, reason=error.strerror) from error


def picture(name: str, comparison: Comparison) -> str:
    """Bars of what variants take, then of what layers do to the outputs."""
    parts: list[str] = []
    y = 30
    for title, bars in _panels(name, comparison):
        parts.append(_text(12, y, title, "title"))
        for number, bar in enumerate(bars):
            parts += _bar(y + 12 + number * ROW, *bar)
        y += len(bars) * ROW + 44
    box = f'viewBox="0 0 {WIDTH} {y - 14}" width="{WIDTH}" height="{y - 14}"'
    back = f'<rect class="back" width="{WIDTH}" height="{y - 14}"/>'
    body = "\n".join([f"<style>{STYLE}</style>", back, *parts])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img">\n{body}\n</svg>\n'


def _panels(name: str, comparison: Comparison) -> Iterator[tuple[str, Sequence[Bar]]]:
    variants = comparison.variants
    sizes = [float(one.size.raw["weights"]) for one in variants]
    yield f"{name}: bytes of weights", _bars(variants, sizes, [bytes_text(size) for size in sizes])
    downloads = [float(one.size.download) for one in variants]
    texts = [bytes_text(size) for size in downloads]
    yield "bytes of a first visit, with Brotli", _bars(variants, downloads, texts)
    figures = [one.figures for one in variants if one.figures is not None]
    if len(figures) == len(variants):
        for title, times in (
            ("time to load, one thread in Chromium", [one.load for one in figures]),
            ("time of a run", [one.median for one in figures]),
        ):
            yield title, _bars(variants, times, [f"{time:.1f} ms" for time in times])
    if comparison.metric is not None:
        scores = [one.score or 0.0 for one in variants]
        yield f"{comparison.metric}", _bars(variants, scores, [f"{s:.4g}" for s in scores])
    errors = [one.error for one in variants]
    title = f"error of the output that moves most, on {comparison.measured_on} inputs"
    yield title, _bars(variants, errors, [error_text(error) for error in errors])
    if comparison.layers:
        shown = sorted(comparison.layers, key=lambda layer: -layer.error)[:MOST_LAYERS]
        title = f"error by one weight alone: {len(shown)} of {len(comparison.layers)}, log scale"
        yield title, list(_layers(shown))


def _bars(variants: Sequence[Variant], values: Sequence[float], texts: Sequence[str]) -> list[Bar]:
    most = max((abs(value) for value in values if math.isfinite(value)), default=0.0) or 1.0
    shares = [min(1.0, max(0.0, value / most)) for value in values]
    kinds = ["plain", *["bar"] * (len(variants) - 1)]
    rows = zip(variants, shares, texts, kinds, strict=True)
    return [(one.kind, share, text, kind) for one, share, text, kind in rows]


def _layers(layers: Sequence[Layer]) -> Iterator[Bar]:
    """From a tenth of the least error that is not 0."""
    errors = [one.error for one in layers if math.isfinite(one.error) and one.error > 0]
    least, most = min(errors, default=1e-9) / 10, max(errors, default=1.0)
    for one in layers:
        clipped = min(max(one.error, least), most)
        share = math.log(clipped / least) / math.log(most / least)
        saved = f"{error_text(one.error)}, -{bytes_text(one.saved)}"
        yield f"{one.weight}: {one.way}", share, saved, "bar"


def _bar(y: int, name: str, share: float, number: str, kind: str) -> Iterator[str]:
    room = WIDTH - NAMES - 2 * NUMBERS
    width = max(1.0, share * room)
    yield _text(NAMES - 8, y + 10, name if len(name) < 40 else f"…{name[-38:]}", "right")
    yield f'<rect class="{kind}" x="{NAMES}" y="{y}" width="{width:.1f}" height="{BAR}"/>'
    yield _text(int(NAMES + width + 6), y + 10, number, "dim")


def _text(x: int, y: int, text: str, kind: str) -> str:
    return f'<text x="{x}" y="{y}" class="{kind}">{escape(text)}</text>'
