"""Packages in, their demo pages served on this machine out (`wasm-torch-web serve`)."""

from __future__ import annotations

import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from wasm_torch_web import tokenizer
from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.serving import several
from wasm_torch_web.serving.files import Files
from wasm_torch_web.serving.guard import STRICT_CSP, Guard
from wasm_torch_web.serving.hints import Hints
from wasm_torch_web.serving.mailbox import Mailbox
from wasm_torch_web.serving.server import (
    DRAIN_SECONDS,
    address,
    listening,
    run_until_interrupted,
    running,
)

if TYPE_CHECKING:
    from wasm_torch_web.serving.api import Service

__all__ = ["Files", "Guard", "Hints", "Mailbox", "application", "demo", "running", "serve", "site"]

DEMO = Path(__file__).parents[1] / "demo"
NO_HINTS = Hints()
# The page shows pictures that the user drops on it.
DEMO_CSP = f"{STRICT_CSP}; img-src 'self' blob: data:; media-src 'self' blob:"


def serve(
    packages: Path | Sequence[Path],
    host: str = "127.0.0.1",
    port: int = 0,
    open: bool = False,
    announce: Callable[[str], None] = print,
    hints: Hints = NO_HINTS,
    service: Service | None = None,
) -> None:
    """Serves the demo page of one package, or of each, until Ctrl-C; port 0 takes a free one. With
    a service, its addresses too.

    `announce` gets the address. Raises UserError for a damaged package, tokenizer-invalid,
    runtime-missing where the demo page is not installed, address-unavailable.
    """
    given = [packages] if isinstance(packages, Path) else packages
    routes = demo_routes(given[0], hints) if len(given) == 1 else several.routes(given, demo_routes)
    drain = DRAIN_SECONDS
    app = application(routes, csp=DEMO_CSP)
    if service is not None:
        drain = service.settings.drain
        app = Guard(service.application(routes), DEMO_CSP, hosts=service.settings.hosts)
    with listening(host, port) as listener:
        url = address(listener)
        announce(url)
        if open:
            webbrowser.open(url)
        run_until_interrupted(app, listener, service is not None, drain)


def demo(package: Path, hints: Hints = NO_HINTS) -> ASGIApp:
    """The demo page at `/`, the package at `/package/`; its own tokenizer unless hints have one."""
    return application(demo_routes(package, hints), csp=DEMO_CSP)


def demo_routes(package: Path, hints: Hints = NO_HINTS) -> list[BaseRoute]:
    """What `demo` answers to."""
    manifests.read(package)
    if not (DEMO / "index.html").is_file():
        raise UserError("runtime-missing", path=DEMO)
    return [
        Mount("/package", Files(directory=package)),
        *_with_tokenizer(hints, package).routes(),
        Mount("/", page(DEMO)),
    ]


def _with_tokenizer(hints: Hints, package: Path) -> Hints:
    own = package / tokenizer.FILE
    given = hints.tokenizer or (own if own.is_file() else None)
    return hints if given is None else replace(hints, tokenizer=tokenizer.find(given))


def site(folder: Path) -> ASGIApp:
    """Pages of static files, such as the gallery's, under the headers of the demo page."""
    return application([Mount("/", page(folder))], csp=DEMO_CSP)


def page(folder: Path) -> Files:
    """A folder whose index.html is its page."""
    return Files(directory=folder, html=True)


def application(
    routes: Sequence[BaseRoute], csp: str = STRICT_CSP, isolated: bool = True
) -> ASGIApp:
    """The routes, behind the guard."""
    return Guard(Starlette(routes=routes), csp, isolated)
