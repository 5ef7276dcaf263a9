"""docs/compatibility.md from what tests recorded: which host and browser ran which variant.

python scripts/compatibility_doc.py

Takes build/compatibility (tests/support/compatibility.py) into docs/compatibility.json, which keeps
the last result of what was not run again, and writes the page from that.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from common import BUILD, ROOT

FILE = ROOT / "docs" / "compatibility.md"
RESULTS = ROOT / "docs" / "compatibility.json"
COLLECTED = BUILD / "compatibility"
HEAD = """# Compatibility

Written by `scripts/compatibility_doc.py` from what the tests saw (`make bundlers`, `make engines`);
do not edit. Each row is a packed package that was installed, loaded and run; it passes where its
outputs were those of PyTorch, with no error on the console and no file missing.

"""
COLUMNS = "| host | browser | variant | result | seen |\n| --- | --- | --- | --- | --- |\n"
Row = dict[str, str]


def merge(known: dict[str, Row], collected: Path) -> dict[str, Row]:
    """What is known, with what was collected in its place; by key, in order."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(collected.glob("*.json"))}
    return dict(sorted({**known, **found}.items()))


def render(rows: Sequence[Row]) -> str:
    """The page; variants with the same result share a line."""
    ordered = sorted(rows, key=_line)
    lines = [_text(list(group)) for _, group in groupby(ordered, key=_line)]
    return HEAD + COLUMNS + "".join(lines)


def _line(row: Row) -> tuple[str, ...]:
    return (row["host"].lower(), row["browser"], row["result"], row["note"], row["date"])


def _text(group: Sequence[Row]) -> str:
    first = group[0]
    result = f"{first['result']}: {first['note']}" if first["note"] else first["result"]
    variants = ", ".join(sorted(row["variant"] for row in group))
    cells = [first["host"], first["browser"], variants, result, first["date"]]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def main() -> None:
    known = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    rows = merge(known, COLLECTED)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    FILE.write_text(render(list(rows.values())))
    print(Path(FILE).relative_to(ROOT))


if __name__ == "__main__":
    main()
