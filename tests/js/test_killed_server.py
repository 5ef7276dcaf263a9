"""A server that is killed in the middle of a download, and comes back or does not."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.engines import Engine
from support.loading import PAGE, PLACES, Facts, call, go, good
from support.ports import free_port

SUPPORT = Path(__file__).parents[1] / "support"


class Server:
    """A slow server of the first package in a process of its own, always on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        paths = [str(self.port), str(folder / "first"), str(PAGE), "0.02"]
        self._command = [sys.executable, str(SUPPORT / "package_server.py"), *paths]
        self._spares = [self._spare(), self._spare()]
        self._process: subprocess.Popen[bytes] | None = None

    def _spare(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        return subprocess.Popen(self._command, env=environment, stdin=subprocess.PIPE)

    def start(self) -> None:
        self._process = self._spares.pop()
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        while self._process.poll() is None:
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError("the server did not start")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.kill()
        for spare in self._spares:
            spare.kill()
            spare.wait()


@pytest.fixture
def server(loadable: Path) -> Iterator[Server]:
    with closing(Server(loadable)) as found:
        found.start()
        yield found


@pytest.mark.parametrize("options", PLACES)
@pytest.mark.parametrize("returns", [True, False])
def test_a_server_that_is_killed(
    engine: Engine, server: Server, returns: bool, options: Facts
) -> None:
    with engine.tab() as tab:
        go(tab, f"http://127.0.0.1:{server.port}/")
        call(tab, "begin", {"folder": "package", "options": {**options, "cache": False}})
        call(tab, "came", 1 << 20)
        server.kill()
        if returns:
            server.start()
        facts = call(tab, "end")
    if returns:
        good(facts)
    else:
        assert facts.get("code") in ("WTW410", "WTW404"), facts
        assert re.search(r"weights-0\d\.bin: .*(byte \d+|Failed to fetch)", facts["message"])
    assert facts["seconds"] < 60
