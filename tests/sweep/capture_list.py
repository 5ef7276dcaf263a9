"""Which samples of PyTorch's operator database stock torch.export captures: `captured.json`.

    PYTHONPATH=tests python -m sweep.capture_list [--entries REGEX] [--workers N]

An entry counts where at least one of its samples is captured and deterministic; what is counted is
decided here, by PyTorch alone, so that it does not depend on what this project does.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import warnings
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sweep.samples import Calls, Sample, entries, outputs

FILE = Path(__file__).with_name("captured.json")


def captured(samples: list[Sample]) -> list[bool]:
    """Of each sample, whether torch.export captures it; all at once, else by halves."""
    module = Calls(samples).eval()
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            torch.export.export(module, module.tensors, strict=False)
            return [True] * len(samples)
    except Exception:
        if len(samples) == 1:
            return [False]
    half = len(samples) // 2
    return captured(samples[:half]) + captured(samples[half:])


class _Draws(TorchDispatchMode):
    """Notes whether random numbers are drawn; the database seeds the generator first."""

    def __init__(self) -> None:
        super().__init__()
        self.found = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.found |= torch.Tag.nondeterministic_seeded in func.tags
        return func(*args, **(kwargs or {}))


def draws(sample: Sample) -> bool:
    """Whether a call of the sample draws random numbers."""
    with torch.no_grad(), _Draws() as mode:
        sample.call([tensor.clone() for tensor in sample.tensors])
    return mode.found


def deterministic(samples: list[Sample]) -> bool:
    """Two calls give the same bits."""
    with torch.no_grad():
        runs = [
            [leaf for _, leaf in outputs([s.call([t.clone() for t in s.tensors]) for s in samples])]
            for _ in range(2)
        ]
    return all(_same(a, b) for a, b in zip(*runs, strict=True))


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        if a.is_complex():
            a, b = (torch.view_as_real(one.resolve_conj()) for one in (a, b))
        return a.shape == b.shape and bool(((a == b) | ((a != a) & (b != b))).all())
    return bool(a == b)


def examine(name: str) -> tuple[str, dict[str, Any]]:
    """What there is to say of an entry."""
    (entry,) = [entry for entry in entries() if entry.name == name]
    excluded = entry.excluded()
    if excluded:
        return name, {"excluded": excluded}
    try:
        samples = entry.samples(torch.float32)
        taken = captured(samples) if samples else []
        left_out = [index for index, one in enumerate(taken) if not one]
        kept = [index for index in range(len(samples)) if index not in left_out]
        random = [index for index in kept if draws(samples[index])]
        same = deterministic([samples[index] for index in kept if index not in random])
    except Exception as error:
        return name, {"excluded": f"PyTorch itself fails: {type(error).__name__}"}
    found: dict[str, Any] = {"samples": len(samples)}
    if left_out:
        found["not captured"] = left_out if kept or not samples else "any"
    if not same or (kept and random == kept):
        found["excluded"] = "random"
    elif random:
        found["random"] = random
    return name, found


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--entries", default="")
    options.add_argument("--workers", type=int, default=multiprocessing.cpu_count())
    given = options.parse_args()
    names = [entry.name for entry in entries()]
    known = json.loads(FILE.read_text())
    found = {name: known[name] for name in names if name in known}
    asked = [name for name in names if re.search(given.entries, name)]
    with multiprocessing.get_context("spawn").Pool(given.workers, maxtasksperchild=40) as pool:
        found.update(pool.imap_unordered(examine, asked))
    lines = [f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found)]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    counted = [f for f in found.values() if "excluded" not in f and f.get("not captured") != "any"]
    print(f"{len(found)} entries, {len(counted)} counted")


if __name__ == "__main__":
    main()
