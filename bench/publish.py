"""results.json in, the results in docs/benchmarks.md and its chart out.

    python -m bench.publish [RESULTS]

The page's own words are left alone: what lies between the marks is replaced.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bench import ROOT
from bench.chart import chart
from bench.models import CORE, MODELS
from bench.results import DEFAULT, Results, load
from bench.tables import grids

PAGE = ROOT / "docs" / "benchmarks.md"
CHART = ROOT / "docs" / "images" / "benchmarks.svg"
BEGIN, END = "<!-- results -->", "<!-- end of results -->"


def main() -> None:
    results = load(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT)
    results.arrange(MODELS)
    CHART.parent.mkdir(parents=True, exist_ok=True)
    CHART.write_text(chart(results), encoding="utf-8")
    PAGE.write_text(inserted(PAGE.read_text(encoding="utf-8"), section(results)), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)}, {CHART.relative_to(ROOT)}: written")


def inserted(page: str, results: str) -> str:
    """The page with other results."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{results}{END}{after}"


def section(results: Results) -> str:
    """Where and with what was measured, the chart, the tables."""
    machine = results.machine
    rounds = {len(e.visits) for es in results.models.values() for e in es.values() if e.visits}
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}; "
        f"{results.browser}; {versions}. {machine['date']}, {min(rounds)} rounds.",
        "",
        "![Time of a run relative to wasm-torch-web](images/benchmarks.svg)",
        "",
        *(grid.markdown() for grid in grids(results, list(CORE))),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
