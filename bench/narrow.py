"""Networks with fewer bits side by side in Chromium: milliseconds of a run out.

    python -m bench.narrow [--models llama_step] [--kinds fp16,dynamic,int4] [--simd relaxed]
                           [--threads 1] [--rounds 4]

Packages are made once (--anew makes them again) in build/bench/narrow. In each round a fresh page
visits every package in turn, in the opposite order every other round; a cell has the median of all
runs and the least one, and in brackets how many times as fast as those of float32 they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from common import BUILD
from playwright.sync_api import Browser
from rich.console import Console
from starlette.routing import Mount

from bench.__main__ import names
from bench.models import MODELS, make
from bench.tables import Grid
from wasm_torch_web.benchmark.figures import median
from wasm_torch_web.benchmark.package import ADAPTER
from wasm_torch_web.benchmark.visit import Request, routes, visit
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.pipeline import Prepared
from wasm_torch_web.progress import Line, Silent
from wasm_torch_web.quantize.report import PLAIN
from wasm_torch_web.quantize.spec import KINDS, Spec
from wasm_torch_web.request import Request as Build
from wasm_torch_web.serving import Files, Mailbox, application, running
from wasm_torch_web.verify import exchange, golden
from wasm_torch_web.verify.chromium import describe, launched

FOLDER = BUILD / "bench" / "narrow"
EVERY = (PLAIN, *KINDS)
SIMD = ("relaxed", "simd128")


@dataclass(frozen=True)
class Way:
    """How a package is run."""

    simd: str
    threads: int

    def options(self, kind: str) -> dict[str, Any]:
        """For `load`."""
        variant = f"{self.simd}-threads"
        return {"url": f"/{kind}", "variant": variant, "threads": self.threads}

    def __str__(self) -> str:
        return f"{self.simd}, {self.threads} thread{'s' if self.threads > 1 else ''}"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--models", default="llama_step", callback=names(MODELS), help="Names or all.")
@click.option("--kinds", default="all", callback=names(EVERY), help="Names or all.")
@click.option("--simd", default="relaxed", callback=names(SIMD), help="Names or all.")
@click.option("--threads", type=int, multiple=True, default=(1,), show_default=True)
@click.option("--rounds", default=4, show_default=True)
@click.option("--anew", is_flag=True, help="Make packages that are there again.")
def main(
    models: Sequence[str],
    kinds: Sequence[str],
    simd: Sequence[str],
    threads: Sequence[int],
    rounds: int,
    anew: bool,
) -> None:
    """Measures networks with fewer bits."""
    kinds = [PLAIN, *(kind for kind in kinds if kind != PLAIN)]
    for model in models:
        for kind in _missing(model, kinds, anew):
            print("made", model, kind)
    ways = [Way(one, count) for one in simd for count in threads]
    with launched() as browser:
        rows = [row for model in models for row in _measured(browser, model, kinds, ways, rounds)]
        title = f"{describe(browser)}: median and least ms of a run; times as fast as float32"
    Console().print(Grid(title, ("", *kinds), rows).markdown(), markup=False, soft_wrap=True)


def _missing(name: str, kinds: Sequence[str], anew: bool) -> Sequence[str]:
    """The kinds whose packages are made now."""
    wanted = [kind for kind in kinds if anew or not _package(name, kind).is_dir()]
    if wanted:
        model = make(name)
        request = Build(model.module, (model.args, {}), dynamic=model.dynamic, name=name)
        prepared = Prepared(request, Line(Silent()))
        for kind in wanted:
            choice = None if kind == PLAIN else prepared.choose(Spec(kind))
            prepared.package(_package(name, kind), choice, verify=False, force=True)
    return wanted


def _package(model: str, kind: str) -> Path:
    return FOLDER / model / kind


def _measured(
    browser: Browser, model: str, kinds: Sequence[str], ways: Sequence[Way], rounds: int
) -> list[tuple[str, ...]]:
    """A row for each way."""
    mailbox, packages = Mailbox(), {kind: _package(model, kind) for kind in kinds}
    plain = packages[PLAIN]
    address = mailbox.put(exchange.encode(golden.read_inputs(plain, manifests.read(plain), 0)))
    mounts = [Mount(f"/{kind}", Files(directory=path)) for kind, path in packages.items()]
    turns = [(way, kind) for way in ways for kind in kinds]
    taken: dict[tuple[Way, str], list[float]] = {turn: [] for turn in turns}
    with ExitStack() as stack:
        url = stack.enter_context(running(application([*mounts, *routes(mailbox)])))
        for number in range(rounds):
            for way, kind in turns if number % 2 == 0 else reversed(turns):
                request = Request(ADAPTER, way.options(kind), address)
                taken[way, kind] += visit(browser, url, mailbox, request).runs
    return [
        (f"{model}, {way}", *(_cell(taken[way, kind], taken[way, PLAIN]) for kind in kinds))
        for way in ways
    ]


def _cell(taken: Sequence[float], plain: Sequence[float]) -> str:
    text = f"{median(taken):.2f}, {min(taken):.2f}"
    if taken is plain:
        return text
    shares = f"{median(plain) / median(taken):.2f}, {min(plain) / min(taken):.2f}"
    return f"{text} ({shares})"


if __name__ == "__main__":
    main()
