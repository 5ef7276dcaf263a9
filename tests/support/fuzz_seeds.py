"""Valid plans of every row and some larger ones, as starting points for csrc/fuzz/plan.cc.

python tests/support/fuzz_seeds.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.cases import Plan, all_plans
from support.plans import choosing, counting, decided, flowing, sample

SIZES = 64  # bytes before the plan, from which the target reads sizes and contents of inputs
LARGEST = 4096
EACH = 6
# Sizes for plans of more than a row: what the target reads for each input and each of its axes.
WHOLE = {
    "sample": (sample, (1, 2, 4, 3, 1, 0)),
    "counting": (counting, (1, 2)),
    "decided": (decided, (1, 6)),
    "choosing": (choosing, (0, 2, 4)),
    "flowing": (flowing, (0, 1, 3)),
}


def write(folder: Path) -> int:
    """The whole plans, and a few small ones of each row, spread over its cases; gives how many."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (make, sizes) in WHOLE.items():
        (folder / name).write_bytes(bytes(sizes).ljust(SIZES, b"\0") + make()[0])
    rows: dict[str, list[bytes]] = {}
    for plan in all_plans():
        content = seed(plan)
        if content is not None:
            rows.setdefault(plan.name.partition("[")[0], []).append(content)
    written = len(WHOLE)
    for row, contents in rows.items():
        for content in contents[:: -(-len(contents) // EACH)]:
            (folder / f"{row}-{written}").write_bytes(content)
            written += 1
    return written


def seed(plan: Plan, largest: int = LARGEST) -> bytes | None:
    """The input of the fuzz target, or None where it would be too large."""
    sizes = [size for tensor in plan.inputs for size in (1, *tensor.shape)]
    if len(plan.plan) > largest or len(sizes) > SIZES or max(sizes, default=0) > 255:
        return None
    return bytes(sizes) + bytes(SIZES - len(sizes)) + plan.plan


if __name__ == "__main__":
    print(f"{write(Path(sys.argv[1]))} seeds")
