"""docs/operators.md from the operator table and the cases that pass on the shipped wasm.

    python scripts/operators_doc.py

"Supported" means "passed": tests/ops compares the file with what it found.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from itertools import groupby
from pathlib import Path

import torch

from wasm_torch_web.ops import LOWERINGS, ROWS, Row

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs" / "operators.md"
HEAD = """# Operators

Written by `scripts/operators_doc.py` from the operator table and its test results; do not edit.
`cases` counts the row's cases that agree with PyTorch on the shipped wasm: inputs of odd sizes,
every dtype, NaN and infinities.

"""
COLUMNS = "| row | dtypes | attributes | cases |\n| --- | --- | --- | --- |\n"


def render(passed: Mapping[str, int]) -> str:
    """The page; `passed` maps row names to the number of cases that agree with PyTorch."""
    parts = [HEAD, f"{len(ROWS)} rows, {len(LOWERINGS)} aten overloads kept whole.\n"]
    rows = sorted(ROWS.values(), key=lambda row: (row.family, row.name))
    for family, members in groupby(rows, key=lambda row: row.family):
        parts.append(f"\n## {family}\n\n{COLUMNS}")
        parts.extend(_line(row, passed[row.name]) for row in members)
    parts.append("\n## aten overloads that become these rows\n\n")
    parts.append(", ".join(f"`{target.removeprefix('aten.')}`" for target in sorted(LOWERINGS)))
    parts.append(
        "\n\nEvery other operator is decomposed by PyTorch into these, or refused by name.\n"
    )
    return "".join(parts)


def _line(row: Row, cases: int) -> str:
    dtypes = row.inputs[0].dtypes if row.inputs else row.outputs[0].dtypes
    names = ", ".join(_short(dtype) for dtype in dtypes)
    attributes = ", ".join(attribute.name for attribute in row.attributes)
    kind = " (view)" if row.view is not None else ""
    return f"| `{row.name}`{kind} | {names} | {attributes} | {cases} |\n"


def _short(dtype: torch.dtype) -> str:
    name = str(dtype).removeprefix("torch.")
    return (
        name.replace("bfloat", "bf").replace("float", "f").replace("uint", "u").replace("int", "i")
    )


def count(names: list[str]) -> Counter[str]:
    """Cases by row, from the names that tests/support/cases.py gives them."""
    return Counter(name.partition("[")[0] for name in names)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "tests"))
    tests = import_module("ops.test_cases")
    plans = list(tests.all_plans())
    bad = set(tests.run_on_wasm(plans))
    FILE.write_text(render(count([plan.name for plan in plans if plan.name not in bad])))
    print(f"{FILE.relative_to(ROOT)}: {len(plans) - len(bad)} of {len(plans)} cases pass")
