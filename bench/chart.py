"""Results in, an SVG chart out: bars of time relative to ours, readable on light and dark pages."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from bench.results import Results, summary
from bench.systems import OURS, SYSTEMS
from bench.tables import thread_counts

SHOWN = ("ours", "litert", "ort", "eager")
LABELS, PANEL, GAP = 210, 330, 30  # widths of the models' names, of a panel, between panels
BAR, SPACE = 11, 11  # heights of a bar, between models
TOP = 98
NUMBERS = 92  # room for the numbers beside the longest bar
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.small { font-size: 9.5px }
.right { text-anchor: end }
.dim { fill: #59636e }
.back { fill: #ffffff }
.one { stroke: #59636e; stroke-dasharray: 2 3 }
.ours { fill: #0969da } .litert { fill: #d4a72c } .ort { fill: #a475f9 } .eager { fill: #afb8c1 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .dim { fill: #9198a1 } .back { fill: #0d1117 } .one { stroke: #9198a1 }
  .ours { fill: #4493f8 } .litert { fill: #bb8009 } .ort { fill: #8957e5 } .eager { fill: #656c76 }
}
"""


def chart(results: Results) -> str:
    """The whole picture: a panel for each number of threads, a group of bars for each model."""
    panels = thread_counts(results)
    group = len(SHOWN) * BAR + SPACE
    width = LABELS + len(panels) * (PANEL + GAP)
    height = TOP + len(results.models) * group + 10
    parts = [*_head(results), *_names(list(results.models), group)]
    for number, threads in enumerate(panels):
        parts += _panel(results, threads, LABELS + number * (PANEL + GAP), group)
    box = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    back = f'<rect class="back" width="{width}" height="{height}"/>'
    body = "\n".join([f"<style>{STYLE}</style>", back, *parts])
    return f'<svg xmlns="http://www.w3.org/2000/svg" {box} role="img">\n{body}\n</svg>\n'


def _head(results: Results) -> Iterator[str]:
    yield _text(12, 24, "Time of a run, relative to wasm-torch-web: shorter is faster", "title")
    x = 12
    for name in SHOWN:
        yield f'<rect class="{name}" x="{x}" y="38" width="11" height="11"/>'
        yield _text(x + 16, 48, SYSTEMS[name].title)
        x += 30 + 7 * len(SYSTEMS[name].title)
    where = f"{results.browser}, {results.machine['processor']}, {results.machine['date']}"
    yield _text(x + 10, 48, where, "small dim")


def _names(models: list[str], group: int) -> Iterator[str]:
    for row, model in enumerate(models):
        middle = TOP + row * group + (group - SPACE) / 2 + 4
        yield _text(LABELS - 10, middle, model, "right")


def _panel(results: Results, threads: int, left: int, group: int) -> Iterator[str]:
    own = f"{OURS}-{threads}"
    keys = {name: f"{name}-{threads}" for name in SHOWN}
    ratios = {name: results.ratios(results.models, key, own) for name, key in keys.items()}
    longest = max((ratio for found in ratios.values() for ratio in found.values()), default=1.0)
    scale = (PANEL - NUMBERS) / longest
    yield _text(left, TOP - 24, f"{threads} thread{'s' if threads > 1 else ''}")
    yield _text(left, TOP - 10, _means(ratios), "small dim")
    one, bottom = left + scale, TOP + len(results.models) * group - SPACE
    yield f'<line class="one" x1="{one:.1f}" x2="{one:.1f}" y1="{TOP - 4}" y2="{bottom}"/>'
    for row, model in enumerate(results.models):
        for bar, name in enumerate(SHOWN):
            y = TOP + row * group + bar * BAR
            if model in ratios[name]:
                ms, ratio = results.of(model, keys[name]).ms(), ratios[name][model]
                yield from _bar(name, left, y, ratio * scale, f"{ms:.1f} ms, {ratio:.2f}x")
            elif (entry := results.models[model].get(keys[name])) and entry.failure:
                yield _text(left + 4, y + 8.8, f"{SYSTEMS[name].title}: not run", "small dim")


def _bar(name: str, x: float, y: float, length: float, label: str) -> Iterator[str]:
    size = f'width="{length:.1f}" height="{BAR - 1}"'
    yield f'<rect class="{name}" x="{x}" y="{y}" {size}/>'
    yield _text(x + length + 4, y + 8.8, label, "small")


def _means(ratios: dict[str, dict[str, float]]) -> str:
    found = {name: summary(given)[0] for name, given in ratios.items() if given and name != OURS}
    means = [f"{SYSTEMS[name].title} {mean:.2f}x" for name, mean in found.items()]
    return f"means: {', '.join(means)}" if means else ""


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    kinds = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kinds}>{escape(words)}</text>'
