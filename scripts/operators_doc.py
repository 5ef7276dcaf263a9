"""docs/operators.md from the operator table and the cases that pass on the shipped wasm.

    python scripts/operators_doc.py

"Supported" means "passed": tests/ops compares the file with what it found.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

from wasm_torch_web.ops import LOWERINGS, ROWS, Row

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs" / "operators.md"
HEAD = """# Operators

Written by `scripts/operators_doc.py` from the operator table and its test results; do not edit.
`cases` counts the row's cases that agree with PyTorch on the shipped wasm: inputs of odd sizes,
every dtype, NaN and infinities.

"""
SWEPT = ROOT / "tests" / "sweep" / "passed.json"
SWEPT_DTYPES = ("float32", "int64", "bool", "float16")
SWEEP_HEAD = """
## PyTorch's own samples

Samples of PyTorch's operator and module databases (`op_db`, `module_db`) that stock torch.export
captures and that draw no random numbers: passed / all, as `make sweep` found it last. The note says
why not all; an operator that is refused is named when a model is built.

"""
NOT_COUNTED = "\n## Entries that are not counted\n\n| why | entries |\n| --- | --- |\n"
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
    parts.append(_database(json.loads(SWEPT.read_text())))
    return "".join(parts)


def _database(swept: Mapping[str, Mapping[str, Sequence[Any]]]) -> str:
    """Samples of PyTorch's own databases that pass, by entry and dtype."""
    lines = [SWEEP_HEAD]
    for dtype in SWEPT_DTYPES:
        counted = [found[dtype] for found in swept.values() if dtype in found]
        whole = sum(good == samples for good, samples, *_ in counted)
        passed, samples = (sum(one[i] for one in counted) for i in (0, 1))
        lines.append(f"- {dtype}: {whole} of {len(counted)} entries whole, ")
        lines.append(f"{passed} of {samples} samples\n")
    lines.append("\n")
    lines.append(f"| entry | {' | '.join(SWEPT_DTYPES)} | note |\n|{' --- |' * 6}\n")
    for name, found in sorted(swept.items()):
        cells = ["/".join(map(str, found[d][:2])) if d in found else "" for d in SWEPT_DTYPES]
        notes = {str(why).replace("|", "\\|") for _, _, *rest in found.values() for why in rest}
        lines.append(f"| `{name}` | {' | '.join(cells)} | {'; '.join(sorted(notes))} |\n")
    lines.append(NOT_COUNTED)
    for reason, names in import_module("sweep.listed").excepted().items():
        lines.append(f"| {reason} | {', '.join(f'`{name}`' for name in names)} |\n")
    return "".join(lines)


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
