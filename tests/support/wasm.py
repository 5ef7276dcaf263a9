"""Plans in, what is wrong with their outputs on the SIMD128 variant out: one process of Node."""

from __future__ import annotations

import json
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from support.cases import Plan, fault

from wasm_torch_web.format.weights import raw

RUNTIME = Path(__file__).parents[2] / "wasm_torch_web" / "runtime" / "runtime-simd128-single.wasm"
SCRIPT = Path(__file__).with_name("run_wasm_cases.mjs")
TRAPPED = 0xFFFFFFFF


def run_on_wasm(plans: Sequence[Plan]) -> dict[str, str]:
    """Every plan, and what is wrong by name (Node's V8 may lack relaxed SIMD)."""
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / name for name in ("cases.json", "cases.bin", "outputs.bin")]
        _write(Path(folder), plans)
        subprocess.run(["node", SCRIPT, RUNTIME, *names], check=True)
        content = memoryview(names[2].read_bytes())
    wrong = {}
    for plan in plans:
        text, content = _read(plan, content)
        if text is not None:
            wrong[plan.name] = text
    return wrong


def _write(folder: Path, plans: Sequence[Plan]) -> None:
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


def _read(plan: Plan, content: memoryview) -> tuple[str | None, memoryview]:
    """What is wrong with the next case, and what follows it."""
    (code,) = struct.unpack_from("<I", content)
    content = content[4:]
    if code:
        return "a trap" if code == TRAPPED else f"code {code}", content
    outputs = []
    for expected in plan.expected:
        (size,) = struct.unpack_from("<I", content)
        data = torch.frombuffer(bytearray(content[4 : 4 + size]) or bytearray(1), dtype=torch.uint8)
        content = content[4 + size :]
        if size != expected.numel() * expected.element_size():
            return f"{size} bytes, expected {tuple(expected.shape)}", content
        outputs.append(data[:size].view(expected.dtype).reshape(expected.shape))
    return fault(plan, outputs), content
