"""Packages in three browser engines, one run; the table of docs/browsers.md out.

    python -m bench.engines [--models minilm_l6] [--rounds 3] [--prepare]

The engines take turns on each model and variant within each round, each time in a fresh page. A
model's entry in build/bench/engines.json is replaced by a run of that model, so that a long
measurement can be made in parts; the page shows all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict

import click
from common import BUILD
from starlette.routing import Mount
from support.engines import VARIANTS_OF, Engine, started

from bench import ROOT, artefacts, machine
from bench.publish import inserted
from bench.results import Results, load
from bench.tables import Grid
from wasm_torch_web.benchmark.figures import median
from wasm_torch_web.benchmark.visit import (
    OPENING_SECONDS,
    TIMEOUT_SECONDS,
    Repeats,
    Request,
    Visit,
    routes,
)
from wasm_torch_web.serving import Files, Mailbox, application, running
from wasm_torch_web.verify import exchange
from wasm_torch_web.verify.compare import compare

PAGE = ROOT / "docs" / "browsers.md"
RESULTS = BUILD / "bench" / "engines.json"
MODELS = ("mobilenet_v2", "minilm_l6", "whisper_tiny_enc")
ADAPTER = "/benchmark/package.js"
WARMUP = Repeats(5, 1000, 2000)  # Firefox and WebKit optimise later than Chromium
HEADS = ("model", "engine", "variant", "threads", "load, ms", "first run, ms", "a run, ms")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--models", multiple=True, type=click.Choice(MODELS), default=MODELS)
@click.option("--rounds", default=3, help="Visits of each.", show_default=True)
@click.option("--prepare", is_flag=True, help="Build only.")
def main(models: Sequence[str], rounds: int, prepare: bool) -> None:
    """Measures packages in three browser engines."""
    for model in models:
        for artefact in ("reference", "package"):
            artefacts.prepare(model, artefact)
    if prepare:
        return
    results = load(RESULTS) if RESULTS.is_file() else Results({})
    results.machine = machine.describe()
    for model in models:
        results.models.pop(model, None)
    with ExitStack() as stack:
        engines = [stack.enter_context(started(name)) for name in VARIANTS_OF]
        results.browser = ", ".join(engine.version for engine in engines)
        place = Place(stack)
        for _ in range(rounds):
            for model, engine, variant in _turns(models, engines):
                visit = place.visit(engine, model, variant)
                key = f"{engine.name} {variant} {visit.info['threads']}"
                results.of(model, key).add(visit)
                print(model, key, f"{median(visit.runs):.1f} ms", flush=True)
    results.arrange(MODELS)
    results.save(RESULTS)
    PAGE.write_text(inserted(PAGE.read_text(encoding="utf-8"), _section(results)), encoding="utf-8")


class Place:
    """The server that pages come from."""

    def __init__(self, stack: ExitStack) -> None:
        self._mailbox = Mailbox()
        models = Mount("/models", Files(directory=artefacts.FOLDER))
        app = application([models, *routes(self._mailbox)])
        self._url = stack.enter_context(running(app))

    def visit(self, engine: Engine, model: str, variant: str) -> Visit:
        """A fresh page that loads and runs the model, whose outputs are PyTorch's."""
        address = self._mailbox.put(artefacts.inputs(model))
        options = {"url": f"/models/{model}/package", "variant": variant}
        answer = self._answer(engine, Request(ADAPTER, options, address, WARMUP, keep=True))
        outputs = exchange.decode(self._mailbox.take(address)).values()
        for expected, given in zip(artefacts.expected(model).values(), outputs, strict=True):
            assert (error := compare(model, expected, given)).passed, error
        return answer

    def _answer(self, engine: Engine, request: Request) -> Visit:
        door = self._mailbox.put(b"")
        with engine.tab() as tab:
            tab.goto(f"{self._url}/?{door}")
            self._mailbox.wait(door, OPENING_SECONDS)  # the page is there
            self._mailbox.replace(door, json.dumps(asdict(request)).encode())
            answer = json.loads(self._mailbox.wait(door, TIMEOUT_SECONDS))
        self._mailbox.take(door)
        assert "error" not in answer, answer
        return Visit(**answer)


def _turns(models: Sequence[str], engines: Sequence[Engine]) -> Iterator[tuple[str, Engine, str]]:
    for model in models:
        for engine in engines:
            for variant in engine.variants:
                yield model, engine, variant


def _section(results: Results) -> str:
    """Where and with what was measured, and the table."""
    found = results.machine
    rows, rounds = [], set()
    for model, entries in results.models.items():
        for key, measured in entries.items():
            rounds.add(len(measured.visits))
            times = (
                median(visit[name] for visit in measured.visits)
                for name in ("load", "first", "run")
            )
            rows.append((model, *key.split(), *(f"{ms:.1f}" for ms in times)))
    where = (
        f"{found['processor']}, {found['cores']} cores, {found['system']}; {results.browser}. "
        f"{found['date']}, {min(rounds)} rounds."
    )
    return f"{where}\n\n{Grid('Speed', HEADS, rows).markdown()}"


if __name__ == "__main__":
    main()
