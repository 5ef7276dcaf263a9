"""Every case of every row: on the native build under ASan and UBSan, and on the shipped wasm."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from support.cases import Plan, all_plans, fault

from wasm_torch_web.format.weights import raw
from wasm_torch_web.ops import ROWS

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
RUNTIME = ROOT / "wasm_torch_web" / "runtime" / "runtime-simd128-single.wasm"


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
    plans, wrong = run_on_wasm()
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in list(wrong.items())[:40])
    assert len(plans) > 3000
    import operators_doc

    page = operators_doc.render(operators_doc.count([plan.name for plan in plans]))
    assert operators_doc.FILE.read_text() == page, "run python scripts/operators_doc.py"


def run_on_wasm() -> tuple[list[Plan], dict[str, str]]:
    """Every case, run in one process of Node (its V8 has no relaxed SIMD), and what is wrong."""
    plans = list(all_plans())
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / name for name in ("cases.json", "cases.bin", "outputs.bin")]
        write(Path(folder), plans)
        script = ROOT / "tests" / "support" / "run_wasm_cases.mjs"
        subprocess.run(["node", script, RUNTIME, *names], check=True)
        content = memoryview(names[2].read_bytes())
    wrong = {}
    for plan in plans:
        text, content = read(plan, content)
        if text is not None:
            wrong[plan.name] = text
    return plans, wrong


def write(folder: Path, plans: list[Plan]) -> None:
    """cases.json and cases.bin, as run_wasm_cases.mjs describes them."""
    blob = bytearray()

    def put(content: bytes) -> list[int]:
        blob.extend(content)
        return [len(blob) - len(content), len(content)]

    entries = [
        {
            "plan": put(plan.plan),
            "weights": put(plan.weights),
            "inputs": [{"shape": list(t.shape), "at": put(raw(t))} for t in plan.inputs],
            "outputs": len(plan.expected),
        }
        for plan in plans
    ]
    (folder / "cases.json").write_text(json.dumps(entries))
    (folder / "cases.bin").write_bytes(blob)


def read(plan: Plan, content: memoryview) -> tuple[str | None, memoryview]:
    """What is wrong with the next case, and what follows it."""
    (code,) = struct.unpack_from("<I", content)
    content = content[4:]
    if code:
        return f"code {code}", content
    outputs = []
    for expected in plan.expected:
        (size,) = struct.unpack_from("<I", content)
        data = torch.frombuffer(bytearray(content[4 : 4 + size]) or bytearray(1), dtype=torch.uint8)
        content = content[4 + size :]
        if size != expected.numel() * expected.element_size():
            return f"{size} bytes, expected {tuple(expected.shape)}", content
        outputs.append(data[:size].view(expected.dtype).reshape(expected.shape))
    return fault(plan, outputs), content
