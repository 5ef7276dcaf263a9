"""Tools of the npm registry, the newest of each, in scratch projects; servers while in use."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser

from .compatibility import Section, record
from .installed import Printed, run

PATIENCE = 120.0
QUIET = {"NEXT_TELEMETRY_DISABLED": "1", "WRANGLER_SEND_METRICS": "false", "NO_COLOR": "1"}


def install(project: Path, *packages: str) -> None:
    """From the registry, with what they need."""
    run("npm", "install", "--no-audit", "--no-fund", "--loglevel", "error", *packages, cwd=project)
    for name in map(bare_name, packages):
        print(f"{name} {version(project, name)}")


def bare_name(package: str) -> str:
    """`@scope/name@1.2` without the version."""
    return package[0] + package[1:].partition("@")[0]


def version(project: Path, package: str) -> str:
    """Of an installed package."""
    text = (project / "node_modules" / package / "package.json").read_text()
    found: str = json.loads(text)["version"]
    return found


def binary(project: Path, name: str) -> str:
    """An installed command."""
    return str(project / "node_modules" / ".bin" / name)


def passes(
    host: str, browser: Browser, printed: Printed, note: str = "", section: Section = "pages"
) -> None:
    """A row of docs/compatibility.md."""
    engine = f"Chromium {browser.version.partition('.')[0]}"
    record(host, engine, printed.variant, "passes", note, section)


@contextmanager
def serving(
    command: Sequence[str | Path], port: int, cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Runs a server with all its children and gives its address once it answers."""
    url = f"http://127.0.0.1:{port}"
    with (cwd / "server.log").open("w+") as log:
        server = subprocess.Popen(
            list(map(str, command)),
            cwd=cwd,
            env={**os.environ, **QUIET, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            answers(server, url, cwd / "server.log")
            yield url
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(PATIENCE)


def answers(server: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Waits until the server gives an answer of any kind that does not put off until later."""
    end = time.monotonic() + PATIENCE
    while not _answers(url):
        if server.poll() is not None or time.monotonic() > end:
            raise AssertionError(f"no answer from {url}: {log.read_text()}")
        time.sleep(0.2)


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=PATIENCE).close()
    except urllib.error.HTTPError as error:
        return error.code != 503
    except OSError:
        return False
    return True
