"""Every architecture of the catalogue through this project: `build/zoo/results.json`.

    PYTHONPATH=tests python -m zoo.zoo [--models REGEX] [--workers N]

What torch.export captures must compile, run on the shipped wasm in Node and give PyTorch's outputs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from support.cases import Plan, files_of
from support.wasm import run_on_wasm

from wasm_torch_web.capture import export_module
from wasm_torch_web.compiler import compile_program
from wasm_torch_web.errors import UserError
from zoo.catalogue import Model, catalogue, make

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "build" / "zoo" / "results.json"
TOLERANCE = 1e-4


def examine(name: str) -> dict[str, Any]:
    """What became of a model: `passed`, or the step that failed and why."""
    start = time.monotonic()
    found = _examine(name)
    return {"name": name, **found, "seconds": round(time.monotonic() - start, 1)}


def _examine(name: str) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    try:
        model = make(name)
        with torch.no_grad():
            torch.export.export(model.module, model.args, model.kwargs, strict=False)
    except Exception as error:
        return {"result": "not captured", "why": _line(error)}
    try:
        plan = _plan(name, model)
    except UserError as error:
        return {"result": "refused", "why": _line(error)}
    except Exception as error:
        return {"result": "bug", "why": _line(error)}
    wrong = run_on_wasm([plan])
    return {"result": "differs", "why": wrong[name]} if wrong else {"result": "passed"}


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _plan(name: str, model: Model) -> Plan:
    compiled = compile_program(export_module(model.module, model.args, model.kwargs))
    with torch.no_grad():
        outputs = compiled.signature.flatten_outputs(model.module(*model.args, **model.kwargs))
    inputs = compiled.signature.flatten_inputs(model.args, model.kwargs)
    plan, weights = files_of(compiled.graph)
    given = [inputs[port.name].contiguous() for port in compiled.graph.inputs]
    expected = [outputs[port.name] for port in compiled.graph.outputs if not port.constant]
    return Plan(name, plan, weights, given, expected, TOLERANCE)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--models", default="")
    options.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    given = options.parse_args()
    names = [name for name in catalogue() if re.search(given.models, name)]
    results = []
    with multiprocessing.get_context("spawn").Pool(given.workers, maxtasksperchild=4) as pool:
        for found in pool.imap_unordered(examine, names):
            results.append(found)
            print(*(found[key] for key in ("name", "result", "seconds")), found.get("why", ""))
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(sorted(results, key=lambda r: r["name"]), indent=1) + "\n")
    captured = [found for found in results if found["result"] != "not captured"]
    passed = [found for found in captured if found["result"] == "passed"]
    print(f"{len(passed)} of {len(captured)} pass; {len(results) - len(captured)} not captured")


if __name__ == "__main__":
    main()
