"""Every sample of PyTorch's operator database through this project.

    PYTHONPATH=tests python -m sweep.sweep [--entries REGEX] [--samples N] [--dtypes float32,int64]

A sample is captured, compiled and run on the shipped wasm in Node; its outputs must be PyTorch's.
`--samples` takes so many of each entry, evenly spread. Without it, what was found goes into
`passed.json`, from which docs/operators.md and the quick slice of the tests are made; all faults go
to `build/sweep/results.json`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from sweep.programs import Faults, Numbered, faults, tolerance
from sweep.samples import Entry, entries

ROOT = Path(__file__).parents[2]
CAPTURED = Path(__file__).with_name("captured.json")
PASSED = Path(__file__).with_name("passed.json")
RESULTS = ROOT / "build" / "sweep" / "results.json"
DTYPES = ("float32", "int64", "bool", "float16")
TOGETHER = 24  # samples in one program


def counted(dtype: str = "float32") -> dict[str, list[int]]:
    """The entries that count, and of each the samples that do not: those that stock torch.export
    does not capture (known of float32), and those that draw random numbers in any dtype."""
    listed = json.loads(CAPTURED.read_text())
    why = ("not captured", "random") if dtype == "float32" else ("random",)
    return {
        name: [index for reason in why for index in found.get(reason, [])]
        for name, found in listed.items()
        if "excluded" not in found and found.get("not captured") != "any"
    }


def examine(name: str, dtypes: Sequence[str], most: int | None) -> tuple[str, dict[str, Any]]:
    """Entry `name`: by dtype, how many samples there are, and what is wrong with which."""
    (entry,) = [entry for entry in entries() if entry.name == name]
    found = {}
    for dtype in dtypes:
        samples = _chosen(entry, dtype, most)
        if samples:
            wrong = _faults(entry, getattr(torch, dtype), samples)
            found[dtype] = {"samples": len(samples), "faults": wrong}
    return name, found


def _chosen(entry: Entry, dtype: str, most: int | None) -> list[Numbered]:
    left_out = counted(dtype)[entry.name]
    samples = list(enumerate(entry.samples(getattr(torch, dtype))))
    samples = [(index, sample) for index, sample in samples if index not in left_out]
    step = 1 if most is None else max(1, -(-len(samples) // most))
    return samples[::step]


def _faults(entry: Entry, dtype: torch.dtype, samples: list[Numbered]) -> Faults:
    name, allowed = f"{entry.name} {dtype}", tolerance(entry, dtype)
    parts = [samples[first : first + TOGETHER] for first in range(0, len(samples), TOGETHER)]
    return faults([(name, allowed, part) for part in parts])


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--entries", default="")
    options.add_argument("--samples", type=int)
    options.add_argument("--dtypes", default=",".join(DTYPES))
    options.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    given = options.parse_args()
    names = [name for name in counted() if re.search(given.entries, name)]
    work = partial(examine, dtypes=given.dtypes.split(","), most=given.samples)
    start, results = time.monotonic(), {}
    with multiprocessing.get_context("spawn").Pool(given.workers, maxtasksperchild=30) as pool:
        for name, found in pool.imap_unordered(work, names):
            results[name] = found
            _tell(name, found)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(dict(sorted(results.items())), indent=1) + "\n")
    if given.samples is None:
        _record(results)
    for dtype in given.dtypes.split(","):
        _summary(dtype, results)
    print(f"{time.monotonic() - start:.0f} s")


def _record(results: dict[str, Any]) -> None:
    """What was found, into passed.json: by entry and dtype [passed, all, the first fault]."""
    known = json.loads(PASSED.read_text()) if PASSED.exists() else {}
    for name, found in results.items():
        entry = known.setdefault(name, {})
        for dtype, result in found.items():
            wrong = list(result["faults"].values())
            why = [wrong[0][:100].split(" (")[0]] if wrong else []
            entry[dtype] = [result["samples"] - len(wrong), result["samples"], *why]
    names = [name for name in sorted(known) if name in counted()]
    lines = [f"{json.dumps(name)}: {json.dumps(known[name])}" for name in names]
    PASSED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _tell(name: str, found: dict[str, Any]) -> None:
    for dtype, result in found.items():
        for text, count in Counter(result["faults"].values()).most_common(3):
            print(f"{name} {dtype}: {count} of {result['samples']}: {text[:160]}", flush=True)


def _summary(dtype: str, results: dict[str, Any]) -> None:
    having = [found[dtype] for found in results.values() if dtype in found]
    whole = sum(not found["faults"] for found in having)
    samples = sum(found["samples"] for found in having)
    passed = samples - sum(len(found["faults"]) for found in having)
    print(f"{dtype}: {whole} of {len(having)} entries whole, {passed} of {samples} samples")


if __name__ == "__main__":
    main()
