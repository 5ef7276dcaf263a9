"""docs/zoo.md from what `make zoo` found: each architecture, its size and how near it came.

python scripts/zoo_doc.py
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs" / "zoo.md"
RESULTS = ROOT / "build" / "zoo" / "results.json"
HEAD = """# Zoo

Written by `scripts/zoo_doc.py` from the results of `make zoo`; do not edit. Architectures with
random weights go through capture and the compiler and run on the shipped wasm (SIMD128, one
thread, in Node); every output is compared with eager PyTorch. `error` is the largest difference,
relative to the largest magnitude of the output, at least 1; it may be 1e-4. Where rounding alone
moves PyTorch further than that from its own float64, an output passes that is as near to it.
"""
COLUMNS = (
    "| architecture | parameters | nodes | error | result |\n| --- | ---: | ---: | ---: | --- |\n"
)
Found = dict[str, Any]


def render(results: Sequence[Found]) -> str:
    """The page."""
    found = sorted(results, key=lambda one: str(one["name"]))
    parts = [HEAD]
    for source, members in groupby(found, key=lambda one: str(one["name"]).partition("/")[0]):
        parts.append(_section(source, list(members)))
    return "".join(parts)


def _section(source: str, members: Sequence[Found]) -> str:
    captured = [one for one in members if one["result"] != "not captured"]
    passed = [one for one in captured if one["result"] == "passed"]
    head = f"\n## {source}\n\n{len(passed)} of {len(captured)} pass"
    others = len(members) - len(captured)
    if others:
        head += f"; torch.export itself does not capture {others} more"
    return f"{head}.\n\n{COLUMNS}" + "".join(map(_line, members))


def _line(one: Found) -> str:
    name = str(one["name"]).partition("/")[2]
    size = f"{one['parameters']:,}" if "parameters" in one else ""
    error = f"{one['error']:.0e}" if "error" in one else ""
    why = str(one.get("why", "")).replace("|", "\\|")[:160]
    result = f"{one['result']}: {why}" if why else one["result"]
    return f"| {name} | {size} | {one.get('nodes', '')} | {error} | {result} |\n"


if __name__ == "__main__":
    FILE.write_text(render(json.loads(RESULTS.read_text())))
    print(FILE.relative_to(ROOT))
