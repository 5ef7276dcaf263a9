"""Every sample of PyTorch's operator database through this project.

    PYTHONPATH=tests python -m sweep.sweep [--entries REGEX] [--samples N] [--dtypes float32,int64]
                                           [--workers N] [--again] [--drawn]

A sample is captured, compiled and run on the shipped wasm in Node; its outputs must be PyTorch's.
`--samples` takes so many of each entry, evenly spread. `--drawn` takes the samples that draw random
numbers instead, and compares distributions. Without either, what is found is kept in
`build/sweep/results.json` entry by entry: a sweep that was stopped goes on where it was (`--again`
starts anew), and ends by merging all of it into `passed.json`, from which docs/operators.md and the
quick slice of the tests are made.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from sweep.capture_list import draws
from sweep.drawn import drawn_faults
from sweep.listed import counted, drawing, excepted
from sweep.programs import NOT_CAPTURED, Faults, Numbered, faults, tolerance
from sweep.samples import Entry, entries

ROOT = Path(__file__).parents[2]
PASSED = Path(__file__).with_name("passed.json")
RESULTS = ROOT / "build" / "sweep" / "results.json"
DTYPES = ("float32", "int64", "bool", "float16")
TOGETHER = 24  # samples in one program
PATIENCE = 1800  # seconds for the slowest entry

Found = dict[str, dict[str, Any]]  # by dtype: samples, faults, seconds


def examine(
    name: str, dtypes: Sequence[str], most: int | None, drawn: bool = False
) -> tuple[str, Found]:
    """Entry `name`: by dtype, how many samples there are, and what is wrong with which."""
    (entry,) = [entry for entry in entries() if entry.name == name]
    found: Found = {}
    for dtype in dtypes:
        start, samples = time.monotonic(), 1
        try:
            chosen = _chosen(entry, dtype, most, drawn)
            samples = len(chosen)
            wrong = (
                drawn_faults(f"{name} {dtype}", chosen)
                if drawn
                else _faults(entry, getattr(torch, dtype), chosen)
            )
        except Exception as error:  # one entry must not end the sweep
            wrong = dict.fromkeys(range(samples), f"bug: {type(error).__name__}: {error}"[:300])
        if dtype != "float32":  # captured.json says which of those count
            samples -= list(wrong.values()).count(NOT_CAPTURED)
            wrong = {index: text for index, text in wrong.items() if text != NOT_CAPTURED}
        seconds = round(time.monotonic() - start, 1)
        found[dtype] = {"samples": samples, "faults": wrong, "seconds": seconds}
    return name, found


def _chosen(entry: Entry, dtype: str, most: int | None, drawn: bool) -> list[Numbered]:
    samples = list(enumerate(entry.samples(getattr(torch, dtype))))
    if dtype == "float32" and not drawn:
        left_out = counted()[entry.name]
        samples = [(index, sample) for index, sample in samples if index not in left_out]
    elif entry.name in drawing():
        samples = [(index, sample) for index, sample in samples if draws(sample) == drawn]
    step = 1 if most is None else max(1, -(-len(samples) // most))
    return samples[::step]


def _faults(entry: Entry, dtype: torch.dtype, samples: list[Numbered]) -> Faults:
    if not samples:
        return {}
    name, allowed = f"{entry.name} {dtype}", tolerance(entry, dtype)
    parts = [samples[first : first + TOGETHER] for first in range(0, len(samples), TOGETHER)]
    return faults([(name, allowed, part) for part in parts])


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--entries", default="")
    options.add_argument("--samples", type=int)
    options.add_argument("--drawn", action="store_true")
    options.add_argument("--dtypes", default=",".join(DTYPES))
    options.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    options.add_argument("--again", action="store_true")
    given = options.parse_args()
    dtypes = given.dtypes.split(",")
    every = drawing() if given.drawn else counted()
    names = [name for name in every if re.search(given.entries, name)]
    whole = given.samples is None and not given.drawn
    kept = _kept() if whole and not given.again else {}
    results = {name: kept[name] for name in names if set(dtypes) <= kept.get(name, {}).keys()}
    todo = [name for name in names if name not in results]
    if results:
        print(f"{len(results)} entries are kept from before; --again runs them too")
    work = partial(examine, dtypes=dtypes, most=given.samples, drawn=given.drawn)
    with multiprocessing.get_context("spawn").Pool(given.workers, maxtasksperchild=30) as pool:
        arriving = pool.imap_unordered(work, todo)
        for number in range(1, len(todo) + 1):
            try:
                name, found = arriving.next(timeout=PATIENCE)
            except multiprocessing.TimeoutError:  # a worker was killed, or hangs
                missing = ", ".join(name for name in todo if name not in results)
                sys.exit(f"nothing for {PATIENCE} s; run it again to go on with: {missing}")
            results[name] = found
            if whole:
                _keep({name: _kept().get(name, {}) | found})
            _tell(f"{number}/{len(todo)} {name}", found)
    if whole:
        _record(results)
    for dtype in dtypes:
        _summary(dtype, results)
    for reason, left_out in excepted().items():
        print(f"not counted, {reason}: {len(left_out)}")
    spent = sum(one["seconds"] for found in results.values() for one in found.values())
    print(f"{spent / 60:.0f} minutes of work")


def _kept() -> dict[str, Found]:
    """What sweeps of all samples have found so far, by entry."""
    kept: dict[str, Found] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return kept


def _keep(found: dict[str, Found]) -> None:
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    fresh = RESULTS.with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(dict(sorted((_kept() | found).items())), indent=1) + "\n")
    fresh.rename(RESULTS)  # a sweep of other entries may read it now


def _record(results: dict[str, Found]) -> None:
    """What was found, into passed.json: by entry and dtype [passed, all, why not all]."""
    known = json.loads(PASSED.read_text()) if PASSED.exists() else {}
    for name, found in results.items():
        entry = known.setdefault(name, {})
        for dtype, result in found.items():
            samples, wrong = result["samples"], result["faults"].values()
            entry[dtype] = [samples - len(wrong), samples, *_reasons(wrong)]
            if not samples:
                del entry[dtype]
    names = [name for name in sorted(known) if name in counted()]
    lines = [f"{json.dumps(name)}: {json.dumps(known[name])}" for name in names]
    PASSED.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _reasons(faults: Iterable[str]) -> list[str]:
    """Up to two, the most frequent first, without where in the program and what to do."""
    short = (
        re.sub(r"refused: (WTW\d+): \d+ oper\S+ are not supported yet", r"\1", f) for f in faults
    )
    common = Counter(text.split(" (")[0][:100] for text in short).most_common(2)
    return ["; ".join(text for text, _ in common)] if common else []


def _tell(name: str, found: Found) -> None:
    done = {dtype: r for dtype, r in found.items() if r["samples"]}
    passed = (f"{d} {r['samples'] - len(r['faults'])}/{r['samples']}" for d, r in done.items())
    print(name, *passed, flush=True)
    for dtype, result in done.items():
        for text, count in Counter(result["faults"].values()).most_common(3):
            print(f"  {dtype}: {count} of {result['samples']}: {text[:160]}", flush=True)


def _summary(dtype: str, results: dict[str, Found]) -> None:
    having = [found[dtype] for found in results.values() if found[dtype]["samples"]]
    whole = sum(not found["faults"] for found in having)
    samples = sum(found["samples"] for found in having)
    passed = samples - sum(len(found["faults"]) for found in having)
    print(f"{dtype}: {whole} of {len(having)} entries whole, {passed} of {samples} samples")


if __name__ == "__main__":
    main()
