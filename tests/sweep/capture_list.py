"""Which samples of PyTorch's operator database stock torch.export captures: `captured.json`.

    PYTHONPATH=tests python -m sweep.capture_list [WORKERS]

An entry counts where at least one of its samples is captured and all are deterministic; what is
counted is decided here, by PyTorch alone, so that it does not depend on what this project does.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from sweep.samples import Calls, Sample, entries, outputs

FILE = Path(__file__).with_name("captured.json")


def captured(samples: list[Sample]) -> list[ExportedProgram | None]:
    """Of each sample, the program that torch.export captures; all at once, else by halves."""
    module = Calls(samples)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            return [torch.export.export(module, module.tensors, strict=False)] * len(samples)
    except Exception:
        if len(samples) == 1:
            return [None]
    half = len(samples) // 2
    return captured(samples[:half]) + captured(samples[half:])


def draws(program: ExportedProgram) -> bool:
    """Whether the program draws random numbers; the database seeds the generator first."""
    targets = {node.target for node in program.graph.nodes if node.op == "call_function"}
    return any(torch.Tag.nondeterministic_seeded in getattr(op, "tags", ()) for op in targets)


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
        left_out = [index for index, one in enumerate(taken) if one is None]
        kept = [s for s, one in zip(samples, taken, strict=True) if one is not None]
        random = any(map(draws, filter(None, set(taken)))) or not deterministic(kept)
    except Exception as error:
        return name, {"excluded": f"PyTorch itself fails: {type(error).__name__}"}
    found: dict[str, Any] = {"samples": len(samples)}
    if left_out:
        found["not captured"] = left_out if len(left_out) < len(samples) else "any"
    if random:
        found["excluded"] = "random"
    return name, found


def main() -> None:
    workers = int(sys.argv[1]) if len(sys.argv) > 1 else multiprocessing.cpu_count()
    names = [entry.name for entry in entries()]
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=40) as pool:
        found = dict(pool.imap_unordered(examine, names))
    lines = [f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found)]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    counted = [f for f in found.values() if "excluded" not in f and f.get("not captured") != "any"]
    print(f"{len(names)} entries, {len(counted)} counted")


if __name__ == "__main__":
    main()
