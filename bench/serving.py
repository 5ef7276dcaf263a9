"""A package in, how many requests a second `serve --api` answers out, beside a bare loop.

    python -m bench.serving PKG [--size batch=1] [--clients 1,8] [--seconds 10] [-- SERVE OPTIONS]

The load comes from this process, over connections that stay open; the service is a process of its
own. Where onnxruntime is installed and `--onnx FILE` names the same model, its loop is timed too.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy
from rich.console import Console

import wasm_torch_web
from wasm_torch_web.console import columns
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.serving.api import models

WARM_SECONDS = 2.0
Inputs = dict[str, numpy.ndarray[Any, Any]]


@click.command()
@click.argument("package", type=click.Path(path_type=Path))
@click.option("--size", "sizes", multiple=True, help="SYMBOL=N: a dynamic axis; else 1.")
@click.option("--clients", default="1,8", help="How many ask at once.")
@click.option("--seconds", default=10.0, help="Of each measurement.")
@click.option("--onnx", type=click.Path(path_type=Path), help="The same model, for onnxruntime.")
@click.argument("options", nargs=-1)
def main(
    package: Path,
    sizes: tuple[str, ...],
    clients: str,
    seconds: float,
    onnx: Path | None,
    options: tuple[str, ...],
) -> None:
    """Prints a table."""
    inputs = drawn(package, dict(size.split("=") for size in sizes))
    table = columns("", "what", "clients", "requests/s", "p50 ms", "p99 ms", "errors")

    def told(what: str, count: int, times: list[float], errors: int = 0) -> None:
        middle, last = (1000 * float(numpy.quantile(times, q)) for q in (0.5, 0.99))
        rate = len(times) / seconds
        cells = (str(count), f"{rate:.1f}", f"{middle:.2f}", f"{last:.2f}", str(errors))
        table.add_row(what, *cells)

    with wasm_torch_web.load(package) as model:
        told("bare loop", 1, looped(lambda: model.run(inputs), seconds))
    if onnx is not None:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(onnx))
        names = [one.name for one in session.get_inputs()]
        feed = dict(zip(names, inputs.values(), strict=True))
        told("onnxruntime", 1, looped(lambda: session.run(None, feed), seconds))
    with served(package, options) as address:
        content = request(package, inputs, address)
        for count in map(int, clients.split(",")):
            asyncio.run(load(address, content, count, WARM_SECONDS))
            times, errors = asyncio.run(load(address, content, count, seconds))
            told(f"serve {' '.join(options)}", count, times, errors)
    Console().print(table)


def drawn(package: Path, sizes: Mapping[str, str]) -> Inputs:
    """Random inputs; integers within the range that the package names."""
    random = numpy.random.default_rng(0)
    found: Inputs = {}
    for port in manifests.read(package)["programs"]["forward"]["inputs"]:
        shape = [
            int(sizes.get(size, 1) if isinstance(size, str) else size) for size in port["shape"]
        ]
        if port["dtype"].startswith("float"):
            found[port["name"]] = random.standard_normal(shape).astype(port["dtype"])
        else:
            low, high = port.get("range", (0, 1))
            found[port["name"]] = random.integers(low, high + 1, shape).astype(port["dtype"])
    return found


def looped(run: Callable[[], object], seconds: float) -> list[float]:
    """The times of as many runs as fit."""
    warm = time.perf_counter() + WARM_SECONDS
    while time.perf_counter() < warm:
        run()
    times = []
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        run()
        times.append(time.perf_counter() - begin)
    return times


@contextmanager
def served(package: Path, options: tuple[str, ...]) -> Iterator[str]:
    """The service, once it is ready; its host and port."""
    words = ["-u", "-m", "wasm_torch_web", "serve", str(package), "--api", "--port", "0", *options]
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, *words], stdout=pipe, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://(\S+)", process.stdout.readline())
        assert found
        while not ready(found[1]):
            time.sleep(0.1)
        yield found[1]
        process.terminate()


def ready(address: str) -> bool:
    """Whether a worker takes requests."""
    try:
        with urllib.request.urlopen(f"http://{address}/v2/health/ready"):
            return True
    except OSError:
        return False


def request(package: Path, inputs: Inputs, address: str) -> bytes:
    """All of it, tensors as bytes."""
    model = models.read(package)
    entries = [
        {
            **tensor.metadata(),
            "shape": list(inputs[tensor.name].shape),
            "parameters": {"binary_data_size": inputs[tensor.name].nbytes},
        }
        for tensor in model.inputs
    ]
    head = json.dumps({"inputs": entries, "parameters": {"binary_data_output": True}}).encode()
    body = head + b"".join(array.tobytes() for array in inputs.values())
    lines = (
        f"POST /v2/models/{model.name}/infer HTTP/1.1",
        f"Host: {address}",
        f"Content-Length: {len(body)}",
        f"Inference-Header-Content-Length: {len(head)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def load(
    address: str, content: bytes, clients: int, seconds: float
) -> tuple[list[float], int]:
    """The times of requests that were answered, and how many were not."""
    host, _, port = address.partition(":")
    times: list[float] = []
    errors = 0
    end = time.perf_counter() + seconds

    async def client() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 20)
        while (begin := time.perf_counter()) < end:
            writer.write(content)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"\r\ncontent-length: (\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            if head.startswith(b"HTTP/1.1 200"):
                times.append(time.perf_counter() - begin)
            else:
                errors += 1
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return times, errors


if __name__ == "__main__":
    main()
