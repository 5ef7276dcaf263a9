"""A page in a Chromium of its own in, what its processes take at the moments that it tells out.

Linux only (/proc), and without Playwright: developer tools keep copies of what a page fetches, and
its switches let no page be hidden.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from wasm_torch_web.serving import Files, application, running
from wasm_torch_web.verify.chromium import arguments, find

# Process -> VmRSS and VmHWM in bytes, processor time so far in milliseconds.
Processes = dict[str, dict[str, int]]


@contextmanager
def moments(
    page: Path,
    package: Path,
    profile: Path,
    options: dict[str, Any],
    *switches: str,
    port: int = 0,
) -> Iterator[Queue[Any]]:
    """A folder with a page that uses the package; renderers and facts of each moment it tells."""
    told: Queue[Any] = Queue()

    async def tell(request: Request) -> Response:
        facts = await request.body()
        told.put((renderers(profile), json.loads(facts or "null")))
        return Response()

    routes = [
        Route("/moment/{name}", tell, methods=["POST"]),
        Mount("/package", Files(directory=package)),
        Mount("/", Files(directory=page, html=True)),
    ]
    with running(application(routes), port=port) as url:
        address = f"{url}?{quote(json.dumps(options))}"
        profiled = f"--user-data-dir={profile}"
        command = [find(), "--headless", *arguments(), *switches, profiled, address]
        chromium = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            yield told
        finally:
            chromium.terminate()
            chromium.wait()


def renderers(profile: Path) -> Processes:
    """Memory now (VmRSS) and at its peak (VmHWM), and time, of the processes that run pages."""
    found: Processes = {}
    tick_ms = 1000 // os.sysconf("SC_CLK_TCK")
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
            status = (process / "status").read_text()
            times = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
        except OSError:
            continue  # it has ended
        if "--type=renderer" in command and str(profile) in command:
            sizes = re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", status)
            found[process.name] = {name: int(size) * 1024 for name, size in sizes}
            found[process.name]["cpu"] = sum(map(int, times)) * tick_ms
    return found
