"""Runs every case of every row on a native library; prints what differs.

python tests/support/run_native_cases.py LIBRARY [PATTERN [ROWS OF A PRODUCT'S TILE]]
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.cases import Plan, all_plans, fault
from support.native import Failure, Library, NativeModel, told


def run(library: Library, plan: Plan) -> str | None:
    """What is wrong with the case, or None."""
    try:
        model = NativeModel(library, plan.plan, plan.weights)
        outputs = model.run(plan.inputs, len(plan.expected))
    except Failure as failure:
        return str(failure)
    model.close()
    return fault(plan, outputs)


if __name__ == "__main__":
    library = Library(Path(sys.argv[1]))
    pattern, rows = [*sys.argv[2:], "", ""][:2]
    if rows:
        library.c.wtw_set_tile_rows(int(rows))
    sys.exit(told((plan.name, run(library, plan)) for plan in all_plans(pattern)))
