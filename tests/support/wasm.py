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
from torch import Tensor

from wasm_torch_web.format.weights import raw

RUNTIME = Path(__file__).parents[2] / "wasm_torch_web" / "runtime"
SCRIPT = Path(__file__).with_name("run_wasm_cases.mjs")
TRAPPED = 0xFFFFFFFF
FAILURE = struct.Struct("<6q")  # see wtw_failure in csrc/api.h


def run_on_wasm(plans: Sequence[Plan]) -> dict[str, str]:
    """Every plan, and what is wrong by name (Node's V8 may lack relaxed SIMD)."""
    wrong = {}
    for plan, outputs in zip(plans, outputs_on_wasm(plans), strict=True):
        text = outputs if isinstance(outputs, str) else fault(plan, outputs)
        if text is not None:
            wrong[plan.name] = text
    return wrong


def outputs_on_wasm(
    plans: Sequence[Plan], variant: str = "simd128-single"
) -> list[list[Tensor] | str]:
    """The outputs of every plan, or what happened instead; a plan that is the one before it goes on
    in its session. Variants with threads have two of them."""
    wasm = RUNTIME / f"runtime-{variant}.wasm"
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / name for name in ("cases.json", "cases.bin", "outputs.bin")]
        _write(names[0], names[1], plans)
        subprocess.run(["node", SCRIPT, wasm, *names], check=True)
        content = memoryview(names[2].read_bytes())
    results = []
    for plan in plans:
        result, content = _read(plan, content)
        results.append(result)
    return results


def _write(list_file: Path, blob_file: Path, plans: Sequence[Plan]) -> None:
    """cases.json and cases.bin, as run_wasm_cases.mjs describes them."""
    entries = []
    with blob_file.open("wb") as blob:

        def put(content: bytes | memoryview) -> list[int]:
            return [blob.tell(), blob.write(content)]

        for before, plan in zip([None, *plans], plans, strict=False):
            goes_on = before is not None and before.plan is plan.plan
            opening = {} if goes_on else {"plan": put(plan.plan), "weights": put(plan.weights)}
            entries.append(
                opening
                | {
                    "inputs": [{"shape": list(t.shape), "at": put(raw(t))} for t in plan.inputs],
                    "outputs": len(plan.expected),
                }
            )
    list_file.write_text(json.dumps(entries))


def _read(plan: Plan, content: memoryview) -> tuple[list[Tensor] | str, memoryview]:
    """The next case's outputs or what is wrong with them, and what follows it."""
    (code,) = struct.unpack_from("<I", content)
    content = content[4:]
    if code == TRAPPED:
        return "a trap", content
    if code:
        code, node, operand, line, given, allowed = FAILURE.unpack_from(content)
        where = f"node {node}, operand {operand}, line {line}"
        return f"code {code}: {where}, {given} of {allowed}", content[FAILURE.size :]
    outputs, wrong = [], ""
    for expected in plan.expected:
        (size,) = struct.unpack_from("<I", content)
        data = torch.frombuffer(bytearray(content[4 : 4 + size]) or bytearray(1), dtype=torch.uint8)
        content = content[4 + size :]
        if size != expected.numel() * expected.element_size():
            wrong = wrong or f"{size} bytes, expected {tuple(expected.shape)}"
        else:
            outputs.append(data[:size].view(expected.dtype).reshape(expected.shape))
    return wrong or outputs, content
