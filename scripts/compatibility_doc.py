"""docs/compatibility.md from what tests recorded: which host and browser ran which variant.

python scripts/compatibility_doc.py

Takes build/compatibility (tests/support/compatibility.py) into docs/compatibility.json, which keeps
the last result of what was not run again, and writes the page from that, with the sizes of the
compiled runtime.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from common import BUILD, ROOT

from wasm_torch_web.footprint import compressed_bytes
from wasm_torch_web.variants import VARIANTS

FILE = ROOT / "docs" / "compatibility.md"
RESULTS = ROOT / "docs" / "compatibility.json"
COLLECTED = BUILD / "compatibility"
RUNTIME = ROOT / "wasm_torch_web" / "runtime"
HEAD = """# Compatibility

Written by `scripts/compatibility_doc.py` from what the tests saw (`make bundlers`, `make engines`);
do not edit. Each row is a package that was loaded and run there; it passes where its outputs were
those of PyTorch, with no error on the console and no file missing. Variants with threads need a
page that is cross-origin isolated; a file under "note" is the recipe of the package's folder
`headers/` that made it so, or what else the host was given. The last column is the day of the run.
"""
# In this order: the title of a section, and what its rows are of.
SECTIONS = {
    "pages": ("Pages, without a bundler", "page"),
    "bundlers": ("Bundlers, the packed package installed from its tarball", "bundler"),
    "servers": ("Servers and hosts", "server"),
    "runtimes": ("Runtimes without a page", "runtime"),
    "judges": ("What judges of packages and their types say", "judge"),
}
COLUMNS = ("browser", "variants", "result", "note", "seen")
SIZES = """
## Size

What a page downloads of the runtime, once for one variant: wasm, worker and loader, in KB, as they
are and with Brotli as servers do it on the way (`copy --brotli` makes files a tenth smaller). The
model's own files come on top: its weights, and `index.js`, `model.json` and `plan.bin`, which grow
with the number of its operators.

| variant | KB | Brotli |
| --- | ---: | ---: |
"""
Row = dict[str, str]
Results = Mapping[str, Any]


def merge(known: Mapping[str, Row], collected: Path) -> dict[str, Row]:
    """What is known, with what was collected in its place; by key, in order."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(collected.glob("*.json"))}
    return dict(sorted({**known, **found}.items()))


def sizes(runtime: Path) -> dict[str, list[int]]:
    """Bytes that a page downloads for each variant, raw and compressed."""
    scripts = [runtime / "js" / name for name in ("loader.js", "worker.js")]
    return {
        variant: _sizes([runtime / f"runtime-{variant}.wasm", *scripts]) for variant in VARIANTS
    }


def _sizes(files: Sequence[Path]) -> list[int]:
    return [sum(path.stat().st_size for path in files), sum(map(compressed_bytes, files))]


def render(results: Results) -> str:
    """The page; variants with the same result share a line."""
    rows = sorted(results["rows"].values(), key=_line)
    tables = [
        f"\n## {title}\n\n{_table(kind, chosen)}"
        for section, (title, kind) in SECTIONS.items()
        if (chosen := [row for row in rows if _section(row) == section])
    ]
    table = [
        f"| {variant} | {raw / 1e3:.0f} | {compressed / 1e3:.0f} |\n"
        for variant, (raw, compressed) in results["sizes"].items()
    ]
    return HEAD + "".join(tables) + SIZES + "".join(table)


def _section(row: Row) -> str:
    return row.get("section", "pages")


def _table(kind: str, rows: Sequence[Row]) -> str:
    """Columns without a word are left out."""
    lines = [_cells(list(group)) for _, group in groupby(rows, key=_line)]
    kept = [i for i in range(1 + len(COLUMNS)) if any(cells[i] for cells in lines)]
    table = [(kind, *COLUMNS), ["---"] * (1 + len(COLUMNS)), *lines]
    return "".join(f"| {' | '.join(cells[i] for i in kept)} |\n" for cells in table)


def _line(row: Row) -> tuple[str, ...]:
    return (row["host"].lower(), row["browser"], row["result"], row["note"], row["date"])


def _cells(group: Sequence[Row]) -> list[str]:
    first = group[0]
    variants = ", ".join(sorted(row["variant"] for row in group))
    cells = [first["host"], first["browser"], variants, first["result"], first["note"]]
    return [cell.replace("|", chr(92) + "|") for cell in [*cells, first["date"]]]


def main() -> None:
    known = json.loads(RESULTS.read_text())["rows"] if RESULTS.is_file() else {}
    results = {"rows": merge(known, COLLECTED), "sizes": sizes(RUNTIME)}
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")
    FILE.write_text(render(results))
    print(FILE.relative_to(ROOT))


if __name__ == "__main__":
    main()
