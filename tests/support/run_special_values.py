"""Runs every case of special values on a native library, whose sanitizers end it.

python tests/support/run_special_values.py LIBRARY [PATTERN]: prints what is refused. The values are
those of the shipped wasm's test: C libraries differ in them.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from support.cases import Plan
from support.native import Failure, Library, NativeModel, told
from support.special_values import special_plans


def refusal(library: Library, plan: Plan) -> str | None:
    try:
        model = NativeModel(library, plan.plan, plan.weights)
        model.run(plan.inputs, len(plan.expected))
    except Failure as failure:
        return str(failure)
    model.close()
    return None


if __name__ == "__main__":
    torch.set_num_threads(1)
    library = Library(Path(sys.argv[1]))
    plans = (special.plan for special in special_plans("".join(sys.argv[2:])))
    sys.exit(told((plan.name, refusal(library, plan)) for plan in plans))
