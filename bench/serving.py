"""A package in, what `serve --api` makes of it under load out, beside a bare loop of the engine.

    python -m bench.serving PKG [--size batch=1] [--workers 1,2] [--clients 1,8] [--seconds 10]
                                [--kill 3] [--soak 300] [--onnx FILE] [-- SERVE OPTIONS]

The load comes from this process, the service is one of its own. `--kill` ends workers under load
with SIGKILL, `--soak` loads the last service for so long and watches its memory.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

import wasm_torch_web
from bench.load import Load, drawn, load, request
from wasm_torch_web.benchmark.memory import resident
from wasm_torch_web.console import bytes_text, columns

WARM_SECONDS = 2.0
WINDOWS = 10  # of a soak


@dataclass(frozen=True)
class Served:
    """A service at work."""

    address: str
    pid: int

    def workers(self) -> list[int]:
        """Its processes that run the model."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(word) for word in children.split()]

    def memory(self) -> tuple[int, int]:
        """Resident bytes of the service, and of its workers together."""
        found = [resident(pid, "VmRSS") or 0 for pid in (self.pid, *self.workers())]
        return found[0], sum(found[1:])


class Report:
    """Rows of measurements, the first of which is what the others are compared with."""

    def __init__(self) -> None:
        names = ("what", "clients", "requests/s>", "of bare>", "p50 ms>", "p99 ms>", "others")
        self.table = columns("", *names)
        self._bare = 0.0

    def add(self, what: str, clients: int, found: Load, seconds: float) -> None:
        """A row."""
        rate = len(found.times) / seconds
        self._bare = self._bare or rate
        others = ", ".join(f"{count} x {code}" for code, count in found.others.items()) or "none"
        cells = (f"{rate:.1f}", f"{rate / self._bare:.0%}")
        late = (f"{found.milliseconds(quantile):.1f}" for quantile in (0.5, 0.99))
        self.table.add_row(what, str(clients), *cells, *late, others)


@click.command()
@click.argument("package", type=click.Path(path_type=Path))
@click.option("--size", "sizes", multiple=True, help="SYMBOL=N: a dynamic axis; else 1.")
@click.option("--workers", default="1,2", help="Processes of each service.")
@click.option("--clients", default="1,8", help="How many ask at once.")
@click.option("--seconds", default=10.0, help="Of each measurement.")
@click.option("--kill", default=0, help="Workers to end under load.")
@click.option("--soak", default=0.0, help="Seconds of load with an eye on memory.")
@click.option("--onnx", type=click.Path(path_type=Path), help="The same model, for onnxruntime.")
@click.argument("options", nargs=-1)
def main(
    package: Path,
    sizes: tuple[str, ...],
    workers: str,
    clients: str,
    seconds: float,
    kill: int,
    soak: float,
    onnx: Path | None,
    options: tuple[str, ...],
) -> None:
    """Prints tables."""
    inputs = drawn(package, dict(size.split("=") for size in sizes))
    report, tables = Report(), []
    with wasm_torch_web.load(package) as model:
        report.add("bare loop", 1, looped(lambda: model.run(inputs), seconds), seconds)
    if onnx is not None:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(onnx))
        names = [one.name for one in session.get_inputs()]
        feed = dict(zip(names, inputs.values(), strict=True))
        report.add("onnxruntime", 1, looped(lambda: session.run(None, feed), seconds), seconds)
    asking = [int(count) for count in clients.split(",")]
    for number in workers.split(","):
        what = " ".join(("workers", number, *options))
        with served(package, ("--workers", number, *options)) as service:
            content = request(package, inputs, service.address)
            for count in asking:
                asyncio.run(load(service.address, content, count, WARM_SECONDS))
                found = asyncio.run(load(service.address, content, count, seconds))
                report.add(what, count, found, seconds)
            last = number == workers.split(",")[-1]
            if kill and last:
                with killing(service, kill, seconds):
                    found = asyncio.run(load(service.address, content, asking[-1], seconds))
                report.add(f"{what}, {kill} killed", asking[-1], found, seconds)
            if soak and last:
                tables.append(soaked(service, content, asking[-1], soak))
    for table in (report.table, *tables):
        Console().print(table)


def looped(run: Callable[[], object], seconds: float) -> Load:
    """The times of as many runs as fit."""
    warm = time.perf_counter() + WARM_SECONDS
    while time.perf_counter() < warm:
        run()
    found = Load()
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        run()
        found.times.append(time.perf_counter() - begin)
    return found


@contextmanager
def killing(service: Served, count: int, seconds: float) -> Iterator[None]:
    """Ends a worker at even intervals, from a thread of its own."""

    def kill() -> None:
        for _ in range(count):
            time.sleep(seconds / (count + 1))
            os.kill(service.workers()[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def soaked(service: Served, content: bytes, clients: int, seconds: float) -> Table:
    """Load in one piece after another, with the memory after each."""
    names = ("after s>", "requests/s>", "p99 ms>", "others", "service>", "workers>")
    table = columns(f"Soak, {clients} clients", *names)
    window = seconds / WINDOWS
    for number in range(1, WINDOWS + 1):
        found = asyncio.run(load(service.address, content, clients, window))
        others = str(found.others.total())
        cells = (f"{len(found.times) / window:.1f}", f"{found.milliseconds(0.99):.1f}", others)
        table.add_row(f"{number * window:.0f}", *cells, *map(bytes_text, service.memory()))
    return table


@contextmanager
def served(package: Path, options: tuple[str, ...]) -> Iterator[Served]:
    """The service, once all its workers take requests."""
    words = ["-u", "-m", "wasm_torch_web", "serve", str(package), "--api", "--monitoring"]
    command = [sys.executable, *words, "--port", "0", *options]
    pipe, quiet = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdout=pipe, stderr=quiet, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://(\S+)", process.stdout.readline())
        assert found
        wanted = int(options[options.index("--workers") + 1])
        while healthy(found[1]) < wanted:
            time.sleep(0.1)
        yield Served(found[1], process.pid)
        process.terminate()


def healthy(address: str) -> int:
    """How many workers take requests."""
    with urllib.request.urlopen(f"http://{address}/metrics") as answer:  # nosec B310
        found = re.search(rb"^wtw_workers_healthy (\d+)", answer.read(), re.MULTILINE)
    return int(found[1]) if found else 0


if __name__ == "__main__":
    main()
