"""Runs every case of special values on a native library, whose sanitizers end it.

python tests/support/run_special_values.py LIBRARY [PATTERN]: prints what is refused. The values are
those of the shipped wasm's test: C libraries differ in them.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from support.native import Failure, Library, NativeModel
from support.special_values import special_plans


def main() -> int:
    """The exit code: 1 where a case is refused."""
    torch.set_num_threads(1)
    library = Library(Path(sys.argv[1]))
    ran, refused = 0, 0
    for special in special_plans("".join(sys.argv[2:])):
        plan = special.plan
        try:
            model = NativeModel(library, plan.plan, plan.weights)
            model.run(plan.inputs, len(plan.expected))
            model.close()
            ran += 1
        except Failure as failure:
            refused += 1
            print(f"{plan.name}: {failure}")
    print(f"{ran} ran, {refused} refused")
    return 1 if refused or not ran else 0


if __name__ == "__main__":
    raise SystemExit(main())
