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
relative to the largest magnitude of the output, at least 1; it may be 1e-4.

`ill-conditioned` is a mark of its own, not counted as a pass: the difference from PyTorch is larger
than that, since the random weights of a deep network multiply rounding errors, PyTorch's own too.
Such a model is compared with the same module in float64, and its outputs must be within 1e-4 of it,
or at most twice as far from it as those of PyTorch in float32; both errors stand in the table.

torchvision's optical flow is in the list; its detection models are not. Stock torch.export refused
all four that were tried (Faster R-CNN, RetinaNet, FCOS, SSDlite): it cannot decide a comparison of
sizes that the data makes. `nms`, `roi_align` and `deform_conv2d` are operators of this project.
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
    excused = sum(one["result"] == "ill-conditioned" for one in captured)
    if excused:
        head += f"; {excused} more are ill-conditioned"
    others = len(members) - len(captured)
    if others:
        head += f"; torch.export itself does not capture {others} more"
    return f"{head}.\n\n{COLUMNS}" + "".join(map(_line, members))


def _line(one: Found) -> str:
    name = str(one["name"]).partition("/")[2]
    size = f"{one['parameters']:,}" if "parameters" in one else ""
    error = f"{one['error']:.0e}" if "error" in one else ""
    why = str(one.get("why", "")).replace("|", "\\|").removeprefix("ill-conditioned: ")[:160]
    result = f"{one['result']}: {why}" if why else one["result"]
    return f"| {name} | {size} | {one.get('nodes', '')} | {error} | {result} |\n"


if __name__ == "__main__":
    FILE.write_text(render(json.loads(RESULTS.read_text())))
    print(FILE.relative_to(ROOT))
