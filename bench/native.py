"""A model's name in, PyTorch's own times on this machine out: eager and compiled.

Each number of threads has a process of its own, which keeps its models from round to round.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from typing import Any

import torch
from common import BUILD

from bench.artefacts import flat
from bench.models import make
from wasm_torch_web.benchmark.visit import TIMING, WARMUP, Repeats, Visit
from wasm_torch_web.verify import exchange


class Native:
    """PyTorch with a number of threads."""

    def __init__(self, threads: int) -> None:
        context = get_context("spawn")
        self._process = ProcessPoolExecutor(1, context, _start, (threads,))

    def warm(self, name: str) -> None:
        """Compiles a model ahead: what was compiled once is cached on disk."""
        self._process.submit(_first_run, name).result()

    def visit(self, name: str, compiled: bool) -> tuple[Visit, bytes]:
        """Times of a model, and its outputs as a message."""
        return self._process.submit(_visit, name, compiled).result()

    def close(self) -> None:
        """Ends the process."""
        self._process.shutdown()


def _start(threads: int) -> None:
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(BUILD / "bench" / "inductor")
    torch.set_num_threads(threads)


@cache
def _module(name: str, compiled: bool) -> tuple[Callable[..., Any], tuple[torch.Tensor, ...]]:
    model = make(name)
    return torch.compile(model.module) if compiled else model.module, model.args


def _first_run(name: str) -> None:
    module, args = _module(name, compiled=True)
    with torch.inference_mode():
        module(*args)


def _visit(name: str, compiled: bool) -> tuple[Visit, bytes]:
    with torch.inference_mode():
        start = time.perf_counter()
        module, args = _module(name, compiled)
        loaded = time.perf_counter()
        outputs = module(*args)
        first = time.perf_counter()
        _repeat(lambda: module(*args), WARMUP)
        runs = _repeat(lambda: module(*args), TIMING)
    times = Visit(1000 * (loaded - start), 1000 * (first - loaded), runs)
    return times, exchange.encode(flat(outputs))


def _repeat(run: Callable[[], object], repeats: Repeats) -> list[float]:
    """As page/visit.js does it."""
    taken: list[float] = []
    while len(taken) < repeats.most and (
        len(taken) < repeats.least or sum(taken) < repeats.milliseconds
    ):
        start = time.perf_counter()
        run()
        taken.append(1000 * (time.perf_counter() - start))
    return taken
