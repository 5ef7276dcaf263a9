"""Models and networks in, how long a page's first and second visit take out.

    python -m bench.visits [--models minilm_l6,resnet18] [--megabits 0 --megabits 100] [--rounds 3]

From the navigation to the first output, in milliseconds; 0 Mbit/s is this machine's own network as
it is, on others each answer begins after a round trip of 20 ms. A second visit is a new page of a
profile in which the first one ended once everything was kept.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from playwright.sync_api import Browser
from rich.console import Console
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bench import artefacts
from bench.__main__ import names
from bench.models import MODELS
from bench.rounds import PAGE
from wasm_torch_web.benchmark.figures import median
from wasm_torch_web.console import columns
from wasm_torch_web.serving import Files, Mailbox, application, running
from wasm_torch_web.verify.chromium import launched
from wasm_torch_web.verify.session import PAGE as EXCHANGE

ROUND_TRIP_SECONDS = 0.02
PART = 1 << 14
PATIENCE_SECONDS = 180


class Line:
    """An ASGI app whose answers share a line of so many megabits a second.

    Attributes:
        weights: bytes of weight files that it has sent.
    """

    def __init__(self, app: ASGIApp, megabits: int) -> None:
        self.weights = 0
        self._app = app
        self._bytes_per_second = megabits * 1e6 / 8
        self._free = 0.0  # when what was sent has passed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        is_weights = "/weights-" in scope.get("path", "")
        slow = self._bytes_per_second > 0
        if slow:
            await asyncio.sleep(ROUND_TRIP_SECONDS)

        async def pass_on(message: Message) -> None:
            body = message.get("body", b"")
            self.weights += len(body) if is_weights else 0
            if not (slow and body):
                await send(message)
                return
            for start in range(0, len(body), PART):
                part = body[start : start + PART]
                await self._pass(len(part))
                more = start + PART < len(body) or message.get("more_body", False)
                await send({"type": message["type"], "body": part, "more_body": more})

        await self._app(scope, receive, pass_on)

    async def _pass(self, size: int) -> None:
        now = asyncio.get_running_loop().time()
        self._free = max(now, self._free) + size / self._bytes_per_second
        await asyncio.sleep(self._free - now)


@contextmanager
def profile(browser: Browser) -> Iterator[Any]:
    """Opens a page in place of the one before; nothing watches it, as in benchmark/visit.py."""
    session = browser.new_browser_cdp_session()
    made = session.send("Target.createBrowserContext")
    where = {"browserContextId": made["browserContextId"]}
    opened: list[str] = []

    def go(url: str) -> None:
        for target in opened:
            session.send("Target.closeTarget", {"targetId": target})
        opened[:] = [session.send("Target.createTarget", {"url": url, **where})["targetId"]]

    try:
        yield go
    finally:
        session.send("Target.disposeBrowserContext", where)
        session.detach()


def two_visits(browser: Browser, model: str, megabits: int) -> tuple[float, float]:
    """Milliseconds of both. Raises AssertionError where the second downloads weights."""
    package = artefacts.path(model, "package")
    mailbox = Mailbox()
    mounts = [
        Mount("/package", Files(directory=package)),
        Mount("/verify", Files(directory=EXCHANGE)),
        Mount("/", Files(directory=PAGE)),
    ]
    line = Line(application([*mailbox.routes(), *mounts]), megabits)
    keeps = len(list(package.glob("weights-*.bin"))) + 1
    taken = []
    with running(line) as url, profile(browser) as go:
        for _ in range(2):
            line.weights = 0
            inputs, door = mailbox.put(artefacts.inputs(model)), mailbox.put(b"")
            go(f"{url}/visits.html?{inputs}&{door}&{keeps}")
            answer = json.loads(mailbox.wait(door, PATIENCE_SECONDS))
            taken.append(float(answer["milliseconds"]))
        assert line.weights == 0, f"{line.weights} bytes of weights"
    return taken[0], taken[1]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--models", default="minilm_l6", callback=names(MODELS), help="Names, core or all.")
@click.option("--megabits", default=(0, 100), type=int, multiple=True, show_default=True)
@click.option("--rounds", default=3, help="Profiles for each.", show_default=True)
def main(models: list[str], megabits: tuple[int, ...], rounds: int) -> None:
    """Measures first and second visits."""
    table = columns("Medians in ms", "model", "Mbit/s>", "first>", "second>", "of the first>")
    with launched() as browser:
        for model in models:
            artefacts.prepare(model, "reference")
            artefacts.prepare(model, "package")
            for rate in megabits:
                visits = [two_visits(browser, model, rate) for _ in range(rounds)]
                first, second = (median(times) for times in zip(*visits, strict=True))
                share = f"{second / first:.0%}"
                table.add_row(model, str(rate), f"{first:.0f}", f"{second:.0f}", share)
    Console().print(table)


if __name__ == "__main__":
    main()
