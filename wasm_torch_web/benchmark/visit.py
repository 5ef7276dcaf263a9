"""An adapter (page/visit.js) in, one visit of a fresh page in milliseconds and bytes out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser
from playwright.sync_api import Error as PlaywrightError
from starlette.routing import BaseRoute, Mount

from wasm_torch_web.benchmark.memory import PeakMemory
from wasm_torch_web.errors import UserError
from wasm_torch_web.serving import Files, Mailbox, page
from wasm_torch_web.verify.session import PAGE as EXCHANGE

PAGE = Path(__file__).with_name("page")
OPENING_SECONDS = 30
TIMEOUT_SECONDS = 180


@dataclass(frozen=True)
class Repeats:
    """How often to run: at least `least` times and `milliseconds` long, at most `most` times."""

    least: int
    most: int
    milliseconds: float


WARMUP = Repeats(2, 1000, 400)  # until V8 has optimised what is hot
TIMING = Repeats(3, 200, 700)


@dataclass(frozen=True)
class Request:
    """What a visit does; `address` is the inputs' in the mailbox, where kept outputs go too."""

    adapter: str
    options: dict[str, Any]
    address: str
    warmup: Repeats = WARMUP
    timing: Repeats = TIMING
    keep: bool = False


@dataclass(frozen=True)
class Visit:
    """Milliseconds from an empty page on.

    Attributes:
        load: until the model is there, its code and weights fetched.
        first: the first run.
        runs: the runs after the warm-up.
        memory: bytes by which the page's process grew at most; None where it cannot be told.
        info: what the adapter says of the model.
    """

    load: float
    first: float
    runs: list[float]
    memory: int | None = None
    info: dict[str, Any] = field(default_factory=dict)


def routes(mailbox: Mailbox, folder: Path = PAGE) -> list[BaseRoute]:
    """What `visit` needs on its server; `folder` holds the page to open."""
    return [
        *mailbox.routes(),
        Mount("/verify", Files(directory=EXCHANGE)),
        Mount("/benchmark", Files(directory=PAGE)),
        Mount("/", page(folder)),
    ]


def visit(browser: Browser, url: str, mailbox: Mailbox, request: Request) -> Visit:
    """Opens a page without any cache and does what is asked. Raises UserError browser-failed."""
    door = mailbox.put(b"")
    seconds = OPENING_SECONDS
    try:
        with unwatched(browser, f"{url}/?{door}"):
            mailbox.wait(door, seconds)  # the page is there
            with closing(PeakMemory(browser)) as memory:
                mailbox.replace(door, json.dumps(asdict(request)).encode())
                seconds = TIMEOUT_SECONDS
                answer: dict[str, Any] = json.loads(mailbox.wait(door, seconds))
                grown = memory.growth()
    except TimeoutError as error:
        reason = f"no answer within {seconds} seconds: the page did not load, or has crashed"
        raise UserError("browser-failed", reason=reason) from error
    except PlaywrightError as error:
        raise UserError("browser-failed", reason=error.message.splitlines()[0]) from error
    finally:
        mailbox.take(door)
    if "error" in answer:
        raise UserError("browser-failed", reason=answer["error"])
    return Visit(**answer, memory=grown)


@contextmanager
def unwatched(browser: Browser, url: str) -> Iterator[None]:
    """A page in a fresh profile that no debugger looks into, and that ends with the block.

    Playwright watches the network of its own pages, which halves the speed of their downloads; it
    leaves pages alone whose profile it has not made.
    """
    session = browser.new_browser_cdp_session()
    try:
        made = session.send("Target.createBrowserContext")
        profile = {"browserContextId": made["browserContextId"]}
        try:
            session.send("Target.createTarget", {"url": url, **profile})
            yield
        finally:
            session.send("Target.disposeBrowserContext", profile)
    finally:
        session.detach()
