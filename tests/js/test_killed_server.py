"""A server that is killed in the middle of a download, and comes back or does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.engines import Engine
from support.loading import PLACES, Facts, KillableServer, call, go, good

# In the words of Chromium, Firefox and WebKitGTK.
UNREACHABLE = "Failed to fetch|NetworkError|Load failed"


@pytest.fixture
def server(loadable: Path) -> Iterator[KillableServer]:
    with closing(KillableServer(loadable)) as found:
        found.start(limit=str(2 << 20))
        yield found


@pytest.mark.parametrize("options", PLACES)
@pytest.mark.parametrize("returns", [True, False])
def test_a_server_that_is_killed(
    engine: Engine, server: KillableServer, returns: bool, options: Facts
) -> None:
    with engine.tab() as page:
        go(page, f"http://127.0.0.1:{server.port}/")
        call(page, "begin", {"folder": "package", "options": {**options, "cache": False}})
        server.wait_until_silent()
        server.kill()
        if returns:
            server.start()
        facts = call(page, "end")
    if returns:
        good(facts)
    else:
        assert facts.get("code") in ("WTW410", "WTW404"), facts
        reason = rf"byte \d+|{UNREACHABLE}"
        assert re.search(rf"(weights-0\d|plan)\.bin: .*({reason})", facts["message"])
