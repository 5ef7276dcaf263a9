"""Every case of every row: on the native build under ASan and UBSan, and on the shipped wasm."""

from __future__ import annotations

from pathlib import Path

import operators_doc
import pytest
from support.builds import under_sanitizers
from support.cases import all_plans
from support.wasm import run_on_wasm

from wasm_torch_web.ops import ROWS

SUPPORT = Path(__file__).parents[1] / "support"


def test_every_row_has_cases() -> None:
    assert not [row.name for row in ROWS.values() if row.cases is None]


@pytest.mark.parametrize(
    "choice",
    [
        pytest.param([], id="all"),
        pytest.param(["conv|linear|matmul|attention", "8"], id="products in the tiles of ARM"),
    ],
)
def test_native_under_sanitizers(choice: list[str]) -> None:
    under_sanitizers(SUPPORT / "run_native_cases.py", *choice)


def test_shipped_wasm() -> None:
    """All cases on the SIMD128 variant; docs/operators.md says what passed."""
    plans = list(all_plans())
    wrong = run_on_wasm(plans)
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in list(wrong.items())[:40])
    assert len(plans) > 3000

    page = operators_doc.render(operators_doc.count([plan.name for plan in plans]))
    assert operators_doc.FILE.read_text() == page, "run python scripts/operators_doc.py"
