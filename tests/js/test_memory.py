"""The peak memory of a page that loads a model, and keeps it: about one copy of the weights.

Linux only (/proc), and without Playwright: developer tools keep copies of what a page fetches.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import quote

import pytest
import torch
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from support.ports import free_port
from torch import nn

from wasm_torch_web.pipeline import build
from wasm_torch_web.serving import Files, application, running
from wasm_torch_web.verify.chromium import arguments, find

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PAGE = Path(__file__).with_name("memory_page")
# 392 MiB: Chromium holds 16 to 45 MiB of code and garbage besides, which no model makes more.
WIDTH, LAYERS = 3584, 8
Memory = dict[str, dict[str, int]]  # process -> VmRSS and VmHWM in bytes


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("memory") / "big"
    layers = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(LAYERS))
    build(nn.Sequential(*layers).eval(), (torch.randn(1, WIDTH),), out=out, verify=False)
    return out


@pytest.mark.parametrize(
    ("options", "variant"),
    [
        ({"worker": False}, "relaxed-single"),
        ({"variant": "relaxed-single"}, "relaxed-single"),
        ({"variant": "relaxed-threads", "threads": 1}, "relaxed-threads"),
        ({"variant": "relaxed-threads", "threads": 2}, "relaxed-threads"),
    ],
)
def test_loading_takes_about_one_copy_of_the_weights(
    package: Path, tmp_path: Path, options: dict[str, Any], variant: str
) -> None:
    port = free_port()  # the same origin, whose files are kept
    for visit in ("first", "second"):
        with moments(package, tmp_path, options, port) as told:
            before, _ = told.get(timeout=60)
            _, info = told.get(timeout=60)
            after, _ = told.get(timeout=60)
        assert (info["variant"], info["cached"]) == (variant, float(visit == "second"))
        growth = max(after[pid]["VmHWM"] - before[pid]["VmRSS"] for pid in before)
        memory = info["memory"]
        assert growth > memory["weights"]  # else another process was measured
        most = 1.15 * memory["weights"] + memory["arena"]
        assert growth <= most, f"{visit} visit: {growth / 2**20:.0f} MiB"


@contextmanager
def moments(
    package: Path, profile: Path, options: dict[str, Any], port: int
) -> Iterator[Queue[Any]]:
    """A page that loads the package; the memory and the facts of each moment that it tells."""
    told: Queue[Any] = Queue()

    async def tell(request: Request) -> Response:
        facts = await request.body()
        told.put((renderers(profile), json.loads(facts or "null")))
        return Response()

    routes = [
        Route("/moment/{name}", tell, methods=["POST"]),
        Mount("/package", Files(directory=package)),
        Mount("/", Files(directory=PAGE, html=True)),
    ]
    with running(application(routes), port=port) as url:
        address = f"{url}?{quote(json.dumps(options))}"
        command = [find(), "--headless", *arguments(), f"--user-data-dir={profile}", address]
        chromium = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            yield told
        finally:
            chromium.terminate()
            chromium.wait()


def renderers(profile: Path) -> Memory:
    """Memory now (VmRSS) and at its peak (VmHWM) of the processes that run pages."""
    found: Memory = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
            status = (process / "status").read_text()
        except OSError:
            continue  # it has ended
        if "--type=renderer" in command and str(profile) in command:
            sizes = re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status)
            found[process.name] = {name: int(size) * 1024 for name, size in sizes}
    return found
