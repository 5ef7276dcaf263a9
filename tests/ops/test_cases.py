"""Every case of every row: on the native build under ASan and UBSan, and on the shipped wasm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.cases import all_plans
from support.wasm import run_on_wasm

from wasm_torch_web.ops import ROWS

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))


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
    """Built by scripts/build_native.py, as make test does; any report of a sanitizer fails."""
    import build_native

    (library,) = build_native.build("asan")
    environment = {**os.environ, **build_native.sanitizer_environment()}
    script = ROOT / "tests" / "support" / "run_native_cases.py"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script, library, *choice],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


def test_shipped_wasm() -> None:
    """All cases on the SIMD128 variant; docs/operators.md says what passed."""
    plans = list(all_plans())
    wrong = run_on_wasm(plans)
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in list(wrong.items())[:40])
    assert len(plans) > 3000
    import operators_doc

    page = operators_doc.render(operators_doc.count([plan.name for plan in plans]))
    assert operators_doc.FILE.read_text() == page, "run python scripts/operators_doc.py"
