"""The address of a service and a request in, what came back from so many clients at once out."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.serving.api import models

Inputs = dict[str, numpy.ndarray[Any, Any]]
DRAINED = 30.0  # seconds that the last requests may take
GONE = (OSError, asyncio.IncompleteReadError)


@dataclass
class Load:
    """The seconds of each request that was answered with 200, and what the others got."""

    times: list[float] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)

    def milliseconds(self, quantile: float) -> float:
        """NaN where there is none."""
        return 1000 * float(numpy.quantile(self.times, quantile)) if self.times else float("nan")


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


async def load(address: str, content: bytes, clients: int, seconds: float) -> Load:
    """Connections stay open; one that breaks counts as an error and is opened again."""
    found = Load()
    end = time.perf_counter() + seconds

    async def client() -> None:
        while time.perf_counter() < end:
            try:
                await _connected(address, content, end, found)
            except GONE as error:
                found.others[type(error).__name__] += 1

    await asyncio.wait_for(asyncio.gather(*(client() for _ in range(clients))), seconds + DRAINED)
    return found


async def _connected(address: str, content: bytes, end: float, found: Load) -> None:
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 20)
    try:
        while (begin := time.perf_counter()) < end:
            writer.write(content)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"\r\ncontent-length: (\d+)", head)
            answer = await reader.readexactly(int(length[1]) if length else 0)
            if head.startswith(b"HTTP/1.1 200"):
                found.times.append(time.perf_counter() - begin)
            else:
                found.others[_code(head, answer)] += 1
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def _code(head: bytes, answer: bytes) -> str:
    """`503 WTW710`, and whether it may be sent again."""
    status = head.split(b" ", 2)[1].decode()
    code = json.loads(answer).get("code", "")
    again = " retry" if b"\r\nretry-after:" in head.lower() else ""
    return f"{status} {code}{again}"
