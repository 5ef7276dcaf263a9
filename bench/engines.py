"""Packages in three browser engines, one run; the table of docs/browsers.md out.

    python -m bench.engines [--rounds 3]

The engines take turns on each model and variant within each round, each time in a fresh page.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict

from starlette.routing import Mount
from support.engines import VARIANTS_OF, Engine, started

from bench import ROOT, artefacts, machine
from bench.publish import inserted
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
MODELS = ("mobilenet_v2", "minilm_l6")
ADAPTER = "/benchmark/package.js"
WARMUP = Repeats(5, 1000, 2000)  # Firefox and WebKit optimise later than Chromium
HEADS = ("model", "engine", "variant", "threads", "load, ms", "first run, ms", "a run, ms")
Key = tuple[str, str, str]  # model, engine, variant


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=3)
    rounds = options.parse_args().rounds
    for model in MODELS:
        for artefact in ("reference", "package"):
            artefacts.prepare(model, artefact)
    visits: dict[Key, list[Visit]] = {}
    with ExitStack() as stack:
        engines = [stack.enter_context(started(name)) for name in VARIANTS_OF]
        place = Place(stack)
        for _ in range(rounds):
            for model, engine, variant in _turns(engines):
                visit = place.visit(engine, model, variant)
                visits.setdefault((model, engine.name, variant), []).append(visit)
                print(model, engine.name, variant, f"{median(visit.runs):.1f} ms", flush=True)
    text = "\n".join([_where(engines, rounds), "", _grid(engines, visits).markdown()])
    PAGE.write_text(inserted(PAGE.read_text(encoding="utf-8"), text), encoding="utf-8")
    print(text)


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


def _turns(engines: Sequence[Engine]) -> Iterator[tuple[str, Engine, str]]:
    for model in MODELS:
        for engine in engines:
            for variant in engine.variants:
                yield model, engine, variant


def _where(engines: Sequence[Engine], rounds: int) -> str:
    browsers = ", ".join(engine.version for engine in engines)
    found = machine.describe()
    return (
        f"{found['processor']}, {found['cores']} cores, {found['system']}; {browsers}. "
        f"{found['date']}, {rounds} rounds."
    )


def _grid(engines: Sequence[Engine], visits: dict[Key, list[Visit]]) -> Grid:
    rows = []
    for model, engine, variant in _turns(engines):
        seen = visits[model, engine.name, variant]
        times = (
            median(visit.load for visit in seen),
            median(visit.first for visit in seen),
            median(ms for visit in seen for ms in visit.runs),
        )
        threads = str(seen[0].info["threads"])
        rows.append((model, engine.name, variant, threads, *(f"{ms:.1f}" for ms in times)))
    return Grid("Speed", HEADS, rows)


if __name__ == "__main__":
    main()
