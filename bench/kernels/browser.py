"""Calls of the bench module's functions in, milliseconds a run in headless Chromium out."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.routing import Mount

from bench.kernels.module import build
from wasm_torch_web.serving import application, page, running
from wasm_torch_web.verify.chromium import describe, launched

HERE = Path(__file__).parent
MEASURE = "async ([cases, rounds]) => (await import('./page.js')).measure(cases, rounds)"


def arguments(program: str) -> argparse.Namespace:
    """rounds, simd and only: what every table of kernels takes."""
    parser = argparse.ArgumentParser(prog=program)
    parser.add_argument("rounds", type=int, nargs="?", default=15)
    parser.add_argument("--simd", choices=("relaxed", "simd128"), default="relaxed")
    parser.add_argument("--only", metavar="TEXT", default="", help="part of an operator and shape")
    return parser.parse_args()


def measured(
    simd: str, calls: Sequence[Sequence[object]], rounds: int
) -> tuple[str, dict[str, Any]]:
    """The browser's name, and {peak: ms a step, cases: ms a run} for each round.

    A call is an exported function that makes a job, and its arguments.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bench.wasm").write_bytes(build(simd))
        (folder / "page.js").write_bytes((HERE / "page.js").read_bytes())
        (folder / "index.html").write_text("<!doctype html><title>Kernels</title>")
        with running(application([Mount("/", page(folder))])) as url, launched() as browser:
            tab = browser.new_page()
            tab.goto(f"{url}/index.html")
            return describe(browser), tab.evaluate(MEASURE, [calls, rounds])
