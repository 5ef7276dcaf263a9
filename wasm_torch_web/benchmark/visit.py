"""An adapter (page/visit.js) in, one visit of a fresh page in milliseconds and bytes out."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from starlette.routing import BaseRoute, Mount

from wasm_torch_web.benchmark.memory import PeakMemory
from wasm_torch_web.errors import UserError
from wasm_torch_web.serving import Files, Mailbox, page
from wasm_torch_web.verify.session import PAGE as EXCHANGE

PAGE = Path(__file__).with_name("page")
MARK = "visit:"
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


def visit(browser: Browser, url: str, request: Request) -> Visit:
    """Opens a page without any cache and does what is asked. Raises UserError browser-failed."""
    context = browser.new_context()
    try:
        tab = context.new_page()
        tab.goto(url)
        tab.wait_for_function("window.visit !== undefined", timeout=30_000)
        memory = PeakMemory(browser)
        answer = _answer(tab, request)
        grown = memory.growth()
        memory.close()
    except PlaywrightError as error:
        reason = error.message.splitlines()[0]
        if isinstance(error, PlaywrightTimeout):
            reason = f"no answer within {TIMEOUT_SECONDS} seconds"
        raise UserError("browser-failed", reason=reason) from error
    finally:
        context.close()
    if "error" in answer:
        raise UserError("browser-failed", reason=answer["error"])
    return Visit(**answer, memory=grown)


def _answer(tab: Page, request: Request) -> dict[str, Any]:
    """Waits for a console message: polling the page would disturb what it measures."""
    with tab.expect_console_message(
        lambda message: message.text.startswith(MARK), timeout=1000 * TIMEOUT_SECONDS
    ) as waiting:
        tab.evaluate("(request) => void window.visit(request)", asdict(request))
    answer: dict[str, Any] = json.loads(waiting.value.text.removeprefix(MARK))
    return answer
