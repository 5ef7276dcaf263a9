"""Plans in, what is wrong with their outputs on a compiled variant out: in one process of Node, or
in one page of a browser."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import torch
from starlette.routing import Mount
from support.cases import Plan, fault
from support.engines import Engine
from torch import Tensor

from wasm_torch_web.format.weights import raw
from wasm_torch_web.serving import Files, Mailbox, application, page, running
from wasm_torch_web.serving.guard import STRICT_CSP
from wasm_torch_web.verify.tab import wait_for

RUNTIME = Path(__file__).parents[2] / "wasm_torch_web" / "runtime"
FOLDER = Path(__file__).with_name("wasm_cases")
TRAPPED = 0xFFFFFFFF
FAILURE = struct.Struct("<6q")  # see wtw_failure in csrc/api.h
Outputs = list[list[Tensor] | str]  # of every plan, or what happened instead


def run_on_wasm(plans: Sequence[Plan]) -> dict[str, str]:
    """Every plan, and what is wrong by name (Node's V8 may lack relaxed SIMD)."""
    return faults(plans, outputs_on_wasm(plans))


def faults(plans: Sequence[Plan], outputs: Outputs) -> dict[str, str]:
    """What is wrong, by the name of the plan."""
    wrong = {}
    for plan, given in zip(plans, outputs, strict=True):
        text = given if isinstance(given, str) else fault(plan, given)
        if text is not None:
            wrong[plan.name] = text
    return wrong


def outputs_on_wasm(plans: Sequence[Plan], variant: str = "simd128-single") -> Outputs:
    """A plan that is the one before it goes on in its session. Variants with threads have two of
    them."""
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / name for name in ("cases.json", "cases.bin", "outputs.bin")]
        with names[1].open("wb") as content:
            names[0].write_text(json.dumps(_cases(plans, content)))
        wasm = RUNTIME / f"runtime-{variant}.wasm"
        subprocess.run(["node", FOLDER / "in_node.mjs", wasm, *names], check=True)
        return _results(plans, names[2].read_bytes())


def outputs_in(engine: Engine, plans: Sequence[Plan], variant: str) -> Outputs:
    """In a page, on a variant without threads."""
    content, mailbox = io.BytesIO(), Mailbox()
    cases = _cases(plans, content)
    address = mailbox.put(content.getvalue())
    runtime = Mount("/runtime", Files(directory=RUNTIME))
    routes = [*mailbox.routes(), runtime, Mount("/", page(FOLDER))]
    wasm = f"runtime/runtime-{variant}.wasm"
    with running(application(routes, f"{STRICT_CSP}; img-src data:")) as url, engine.tab() as tab:
        tab.goto(url)
        wait_for(tab, "window.runCases")
        asked = {"wasm": wasm, "cases": cases, "address": f"exchange/{address}"}
        tab.evaluate("asked => runCases(asked)", asked)
    return _results(plans, mailbox.take(address))


def _cases(plans: Sequence[Plan], blob: BinaryIO) -> list[dict[str, Any]]:
    """Cases as wasm_cases/runner.mjs describes them; their content goes to `blob`."""
    entries: list[dict[str, Any]] = []

    def put(content: bytes | memoryview) -> list[int]:
        return [blob.tell(), blob.write(content)]

    for before, plan in zip([None, *plans], plans, strict=False):
        goes_on = before is not None and before.plan is plan.plan
        opening = {} if goes_on else {"plan": put(plan.plan), "weights": put(plan.weights)}
        inputs = [{"shape": list(t.shape), "at": put(raw(t))} for t in plan.inputs]
        entries.append({**opening, "inputs": inputs, "outputs": len(plan.expected)})
    return entries


def _results(plans: Sequence[Plan], content: bytes) -> Outputs:
    results, rest = [], memoryview(content)
    for plan in plans:
        result, rest = _read(plan, rest)
        results.append(result)
    return results


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
