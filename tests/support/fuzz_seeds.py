"""Valid plans of every row, as starting points for csrc/fuzz/plan.cc.

    python tests/support/fuzz_seeds.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.cases import all_plans

SIZES = 64
LARGEST = 4096


def write(folder: Path) -> int:
    """A few small seeds of each row; gives how many."""
    folder.mkdir(parents=True, exist_ok=True)
    seen: dict[str, int] = {}
    for plan in all_plans():
        row = plan.name.partition("[")[0]
        sizes = [size for tensor in plan.inputs for size in (1, *tensor.shape)]
        fits = len(plan.plan) <= LARGEST and len(sizes) <= SIZES and max(sizes, default=0) < 256
        if not fits or seen.get(row, 0) >= 3:
            continue
        seen[row] = seen.get(row, 0) + 1
        head = bytes(sizes) + bytes(SIZES - len(sizes))
        (folder / f"{row}-{seen[row]}").write_bytes(head + plan.plan)
    return sum(seen.values())


if __name__ == "__main__":
    print(f"{write(Path(sys.argv[1]))} seeds")
