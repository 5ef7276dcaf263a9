"""Pretrained models on real inputs with fewer bits; the table of docs/quantization.md out.

    python -m bench.quantization [--models minilm,ocr] [--kinds fp16,auto] [--time]

Every other input calibrates; on the rest the package, in wasmtime, is compared with eager PyTorch.
A model's entries in build/bench/quantization.json are replaced one by one, so that a long run can
be made in parts; the page shows all of them. `--time` measures packages that are there, in
Chromium on one thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import torch
from common import BUILD
from models.quality import TASKS, Task
from rich.console import Console
from torch import Tensor

import wasm_torch_web
from bench import ROOT, machine
from bench.__main__ import names
from bench.publish import inserted
from bench.tables import Grid
from wasm_torch_web.benchmark.package import Configuration, measure
from wasm_torch_web.console import bytes_text
from wasm_torch_web.footprint import measure as footprint
from wasm_torch_web.pipeline import Prepared
from wasm_torch_web.progress import Line, Silent
from wasm_torch_web.quantize.drift import Meter, worst
from wasm_torch_web.quantize.report import PLAIN
from wasm_torch_web.quantize.spec import KINDS, Spec
from wasm_torch_web.request import Request

FOLDER = BUILD / "bench" / "quantization"
RESULTS = FOLDER.with_suffix(".json")
PAGE = ROOT / "docs" / "quantization.md"
HEADS = ("model", "", "weights", "a visit", "error", "what one notices", "load, ms", "a run, ms")
EVERY = (PLAIN, *KINDS)
Entry = dict[str, Any]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--models", default="all", callback=names(TASKS), help="Names or all.")
@click.option("--kinds", default="all", callback=names(EVERY), help="Names or all.")
@click.option("--time", "timed", is_flag=True, help="Time packages that are there.")
def main(models: Sequence[str], kinds: Sequence[str], timed: bool) -> None:
    """Measures what fewer bits do to pretrained models."""
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    console = Console()
    for model in models:
        entries = results.setdefault(model, {})
        made = _timed(model, entries, kinds) if timed else _made(TASKS[model], model, kinds)
        for kind, entry in made:
            entries[kind] = entries.get(kind, {}) | entry
            RESULTS.write_text(json.dumps(results, indent=1))
            console.print(model, kind, entry, markup=False, soft_wrap=True)
    results = {model: results[model] for model in TASKS if model in results}
    PAGE.write_text(inserted(PAGE.read_text(encoding="utf-8"), _section(results)), encoding="utf-8")


def _made(task: Task, name: str, kinds: Sequence[str]) -> Iterator[tuple[str, Entry]]:
    """Builds a package of each kind, and says what it makes of the inputs."""
    model, inputs = task.model(), task.inputs()
    example = (model.args, model.kwargs)
    request = Request(model.module, example, dynamic=model.dynamic, name=name)
    prepared = Prepared(request, Line(Silent()))
    reference = prepared.opened.reference()
    shown = inputs[1::2]
    expected = [reference([one])[0] for one in shown]
    for kind in kinds:
        choice = None if kind == PLAIN else prepared.choose(Spec(kind), inputs[::2])
        out = FOLDER / name / kind
        result = prepared.package(out, choice, verify=False, force=True)
        given = [*_runs(out, shown)]
        meter = Meter()
        for a, b in zip(expected, given, strict=True):
            meter.add(a, b)
        size = footprint(out, result.manifest)
        words, share = task.judge(_first(expected), _first(given))
        yield (
            kind,
            {
                "weights": size.raw["weights"],
                "download": size.download,
                "error": worst(meter.found()),
                "words": words,
                "share": share,
            },
        )


def _runs(package: Path, inputs: Sequence[dict[str, Tensor]]) -> Iterator[dict[str, Tensor]]:
    with wasm_torch_web.load(package) as model:
        for one in inputs:
            outputs = model.run(one)
            yield {name: torch.from_numpy(value) for name, value in outputs.items()}


def _first(runs: Sequence[Any]) -> list[Tensor]:
    """The first output of each run."""
    return [next(iter(one.values())) for one in runs]


def _timed(name: str, entries: Entry, kinds: Sequence[str]) -> Iterator[tuple[str, Entry]]:
    for kind in kinds:
        if kind in entries:
            [figures] = measure(FOLDER / name / kind, [Configuration(None, 1)]).figures
            yield kind, {"load": figures.load, "run": figures.median}


def _section(results: dict[str, Entry]) -> str:
    rows = []
    for model, entries in results.items():
        for kind in (kind for kind in EVERY if kind in entries):
            one = entries[kind]
            times = (f"{one[key]:.1f}" if key in one else "" for key in ("load", "run"))
            sizes = (bytes_text(one["weights"]), bytes_text(one["download"]))
            error = "" if kind == PLAIN else f"{one['error']:.1e}"
            words = "" if kind == PLAIN else one["words"]
            rows.append((model, kind, *sizes, error, words, *times))
    found = machine.describe()
    where = f"{found['processor']}, {found['cores']} cores, {found['system']}; {found['date']}."
    return f"{where}\n\n{Grid('Pretrained models', HEADS, rows).markdown()}"


if __name__ == "__main__":
    main()
