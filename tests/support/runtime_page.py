"""Packages in, the page of tests/js/page that has imported them out, in a browser of any engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wasm_torch_web.serving import Files, application, running
from wasm_torch_web.serving.guard import STRICT_CSP
from wasm_torch_web.verify.tab import Tab, wait_for

from .engines import Engine

PAGE = Path(__file__).parents[1] / "js/page"
DATA_ICON = "; img-src data:"
Facts = dict[str, Any]


@contextmanager
def page(
    engine: Engine,
    packages: Path,
    wrap: Callable[[ASGIApp], ASGIApp] | None = None,
    csp: str = STRICT_CSP,
    isolated: bool = True,
) -> Iterator[Tab]:
    """A page that has imported the packages; `wrap` may change how it is served."""
    names = ("sample", "counter", "loop", "tally")
    folders = {**{f"/{name}": packages / name for name in names}, "/": PAGE}
    routes = [Mount(path, Files(directory=folder, html=True)) for path, folder in folders.items()]
    served = application(routes, csp + DATA_ICON, isolated)
    with running(wrap(served) if wrap else served) as url, engine.tab() as opened:
        opened.goto(url)
        wait_for(opened, "window.runtime")
        yield opened


def leaving_out(header: str, file: str = "") -> Callable[[ASGIApp], ASGIApp]:
    """Leaves a header away from one file, or from all, as a careless server would."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def served(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_some(message: Message) -> None:
                if message["type"] == "http.response.start" and scope["path"].endswith(file):
                    del MutableHeaders(scope=message)[header]
                await send(message)

            await app(scope, receive, send_some)

        return served

    return wrap


def call(page: Tab, name: str, argument: object = None) -> Facts:
    facts: Facts = page.evaluate(f"argument => runtime.{name}(argument)", argument)
    return facts
