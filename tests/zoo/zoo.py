"""Every architecture of the catalogue through this project: `build/zoo/results.json`.

    PYTHONPATH=tests python -m zoo.zoo [--models REGEX] [--workers N] [--again]

What torch.export captures must compile, run on the shipped wasm in Node and give PyTorch's outputs.
Where it does not, the same module in float64 is the judge: `ill-conditioned` is a model whose
outputs are within the tolerance of it, or at most TIMES as far from it as PyTorch's own in float32.
Results are kept between runs: without `--again`, models that match are left out.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from support.cases import Plan, files_of
from support.wasm import outputs_on_wasm
from torch import Tensor

from wasm_torch_web.capture import export_module
from wasm_torch_web.compiler import Compiled, compile_program
from wasm_torch_web.errors import UserError
from wasm_torch_web.sources import Source
from wasm_torch_web.verify.compare import TOLERANCE, OutputError, compare, excuse
from wasm_torch_web.verify.reference import Eager, Flat
from zoo.catalogue import Model, catalogue, make

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "build" / "zoo" / "results.json"
# The largest of many rounding errors is a matter of chance: twice PyTorch's is no worse arithmetic.
TIMES = 2.0
MATCHES = ("passed", "ill-conditioned")


def examine(name: str) -> dict[str, Any]:
    """What became of a model: one of MATCHES, or the step that failed and why."""
    start = time.monotonic()
    warnings.simplefilter("ignore")
    try:
        model = make(name)
        found = {"parameters": sum(p.numel() for p in model.module.parameters()), **_run(model)}
    except Exception as error:
        found = {"result": "not captured", "why": _line(error)}
    return {"name": name, **found, "seconds": round(time.monotonic() - start, 1)}


def _run(model: Model) -> dict[str, Any]:
    try:
        compiled = compile_program(export_module(model.module, model.args, model.kwargs))
    except Exception as error:
        refused = "refused" if isinstance(error, UserError) else "bug"
        return {"result": refused if _captured(model) else "not captured", "why": _line(error)}
    found = {"nodes": len(compiled.graph.nodes)}
    errors = _differences(model, compiled)
    if isinstance(errors, str):
        return {**found, "result": "failed", "why": errors}
    found["error"] = max((e.max_rel for e in errors), default=0.0)
    found["why"] = "; ".join(sorted({e.note for e in errors if e.note}))
    return {**found, "result": _result(errors)}


def _result(errors: Sequence[OutputError]) -> str:
    if not all(error.passed for error in errors):
        return "differs"
    excused = any(error.tolerance is not None for error in errors)
    return "ill-conditioned" if excused else "passed"


def _captured(model: Model) -> bool:
    """Whether stock torch.export captures it: what it does not is no fault of this project."""
    try:
        with torch.no_grad():
            torch.export.export(model.module, model.args, model.kwargs, strict=False)
    except Exception:
        return False
    return True


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _differences(model: Model, compiled: Compiled) -> Sequence[OutputError] | str:
    """Each output next to PyTorch's, or what happened instead of outputs."""
    signature, graph = compiled.signature, compiled.graph
    eager = Eager(signature, Source("module", model.module, None, model.args, model.kwargs, "zoo"))
    inputs = signature.flatten_inputs(model.args, model.kwargs)
    with torch.no_grad():
        (expected,) = eager([inputs])
    plan, weights = files_of(graph)
    names = [port.name for port in graph.outputs if not port.constant]
    given = [inputs[port.name].contiguous() for port in graph.inputs]
    truth = [_tensor(expected[name]) for name in names]
    (outputs,) = outputs_on_wasm([Plan("", plan, weights, given, truth, 0)])
    if isinstance(outputs, str):
        return outputs
    errors = [_compare(*one) for one in zip(names, truth, outputs, strict=True)]
    if all(error.passed for error in errors):
        return errors
    return _excused(eager, inputs, errors, truth, outputs)


def _excused(
    eager: Eager,
    inputs: Flat,
    errors: Sequence[OutputError],
    truth: Sequence[Tensor],
    outputs: Sequence[Tensor],
) -> Sequence[OutputError]:
    with torch.no_grad():
        exact = eager.in_float64([inputs])
    if exact is None:
        return errors
    return [
        _judged(error, expected, given, exact[0][error.name])
        for error, expected, given in zip(errors, truth, outputs, strict=True)
    ]


def _judged(
    error: OutputError, expected: Tensor, given: Tensor, exact: Tensor | float
) -> OutputError:
    """Excused, or with both distances from float64 in its note."""
    excused = excuse(error, expected, given, exact, TIMES)
    if excused.passed or excused.note:
        return excused
    eager, ours = (compare("", _tensor(exact), one.double()).max_rel for one in (expected, given))
    note = f"against float64, PyTorch's own error is {eager:.1e}, this {ours:.1e}"
    return replace(excused, note=note)


def _compare(name: str, expected: Tensor, given: Tensor) -> OutputError:
    """Of outputs that vanish, relative to the largest all the same."""
    measured = expected.is_floating_point() and expected.numel() > 0
    largest = float(expected.abs().max()) if measured else 1.0
    if given.shape == expected.shape and 0 < largest <= TOLERANCE:
        return compare(name, expected.double() / largest, given.double() / largest)
    return compare(name, expected, given)


def _tensor(value: Tensor | float) -> Tensor:
    return value if isinstance(value, Tensor) else torch.tensor(value)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--models", default="")
    options.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    options.add_argument("--again", action="store_true")
    given = options.parse_args()
    results = _kept()
    names = [name for name in catalogue() if re.search(given.models, name)]
    todo = [n for n in names if given.again or results.get(n, {}).get("result") not in MATCHES]
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with multiprocessing.get_context("spawn").Pool(given.workers, maxtasksperchild=12) as pool:
        for found in pool.imap_unordered(examine, todo):
            results = _kept() | {found["name"]: found}
            fresh = RESULTS.with_suffix(f".{os.getpid()}")
            fresh.write_text(json.dumps(sorted(results.values(), key=_name), indent=1) + "\n")
            fresh.rename(RESULTS)  # another portion may read it now
            line = (found[key] for key in ("name", "result", "seconds"))
            print(*line, found.get("why", ""), flush=True)
    captured = [results[n] for n in names if results[n]["result"] != "not captured"]
    passed, excused = (sum(f["result"] == one for f in captured) for one in MATCHES)
    print(
        f"{passed} of {len(captured)} pass, {excused} more are ill-conditioned; "
        f"{len(names) - len(captured)} not captured"
    )


def _kept() -> dict[str, dict[str, Any]]:
    """The results so far, by name."""
    if not RESULTS.exists():
        return {}
    return {found["name"]: found for found in json.loads(RESULTS.read_text())}


def _name(found: dict[str, Any]) -> str:
    return str(found["name"])


if __name__ == "__main__":
    main()
