"""A package in, the same package loaded by a page in a browser out, as a Python object.

The page is cross-origin isolated and under a strict Content-Security-Policy; tensors travel as
binary over HTTP, everything else through the browser's driver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser
from starlette.routing import Mount
from starlette.types import ASGIApp
from torch import Tensor

from wasm_torch_web.errors import InternalError, UserError, WtwError
from wasm_torch_web.serving import Files, Mailbox, application, page, running
from wasm_torch_web.verify import exchange
from wasm_torch_web.verify.reference import Flat
from wasm_torch_web.verify.tab import Tab, TabError, chromium_tab, wait_for

PAGE = Path(__file__).with_name("page")
TIMEOUT_SECONDS = 600
BROWSER_CODES = "WTW4"  # what the browser lacks; other codes blame the package that we wrote


class BrowserModel:
    """The model in the page; one variant is loaded at a time."""

    def __init__(self, tab: Tab, mailbox: Mailbox) -> None:
        self._tab = tab
        self._mailbox = mailbox
        self.seconds: float = TIMEOUT_SECONDS  # that a call may take
        # What becomes of the codes that the runtime raises. Inputs of our own it never refuses.
        self.refused: Callable[[str, str], WtwError] = _our_fault

    def load(self, variant: str | None = None, debug: bool = False) -> dict[str, Any]:
        """Loads (again) and gives `variant`, `why` and `threads` of `model.info`."""
        self.call("dispose")
        options: dict[str, Any] = {"debug": True} if debug else {}
        info: dict[str, Any] = self.call(
            "load", options | ({"variant": variant} if variant else {})
        )
        return info

    def reset(self) -> None:
        """Restores the initial state."""
        self.call("reset")

    def seed(self, seed: int) -> None:
        """Decides the random numbers of the runs to come."""
        self.call("seed", seed)

    def run(self, inputs: Flat, debug: bool = False) -> tuple[Flat, float]:
        """Outputs of a run and its milliseconds; `debug` keeps every value for `peek`."""
        message, milliseconds = self.exchange(exchange.encode(inputs), debug)
        return exchange.decode(message), milliseconds

    def exchange(self, message: bytes, debug: bool = False) -> tuple[bytes, float]:
        """As `run`, with messages of inputs and outputs."""
        address = self._mailbox.put(message)
        milliseconds: float = self.call("debugRun" if debug else "run", address)
        return self._mailbox.take(address), milliseconds

    def profile(self, inputs: Flat, runs: int) -> dict[str, Any]:
        """`operators` as the runtime describes them, their `times` in each run, `plain` runs."""
        address = self._mailbox.put(exchange.encode(inputs))
        found: dict[str, Any] = self.call("profile", address, runs)
        self._mailbox.take(address)
        return found

    def peek(self, node: int, output: int) -> Tensor:
        """The value of a node's output in the last run with `debug`."""
        address = self._mailbox.put(b"")
        self.call("peek", address, node, output)
        value = exchange.decode(self._mailbox.take(address))["value"]
        assert isinstance(value, Tensor)
        return value

    def self_test(self) -> dict[str, Any]:
        """What `model.selfTest()` gives."""
        result: dict[str, Any] = self.call("selfTest")
        return result

    def call(self, function: str, *arguments: object) -> Any:
        """Calls a function of page/parity.js.

        Raises UserError browser-failed, `refused` where the runtime refuses the package.
        """
        script = "([name, seconds, args]) => window.parity.call(name, seconds, ...args)"
        try:
            answer = self._tab.evaluate(script, [function, self.seconds, list(arguments)])
        except TabError as error:
            raise self._failure(str(error)) from error
        if "error" not in answer:
            return answer.get("result")
        code, message = answer["error"]["code"], answer["error"]["message"]
        if code.startswith("WTW") and not code.startswith(BROWSER_CODES):
            raise self.refused(code, message)
        raise self._failure(message)

    def _failure(self, reason: str) -> UserError:
        return UserError("browser-failed", reason="; ".join([reason, *self._tab.errors[-3:]]))


def _our_fault(code: str, message: str) -> WtwError:
    return InternalError("internal", reason=message)


@contextmanager
def open_package(browser: Browser, package: Path) -> Iterator[BrowserModel]:
    """Serves `package` and opens the page that runs it in Chromium."""
    with chromium_tab(browser) as tab, open_in(tab, package) as model:
        yield model


@contextmanager
def open_in(tab: Tab, package: Path) -> Iterator[BrowserModel]:
    """As `open_package`, in a tab of any browser."""
    mailbox = Mailbox()
    with running(_application(package, mailbox)) as url:
        model = BrowserModel(tab, mailbox)
        tab.goto(url)
        try:
            wait_for(tab, "window.parity")
        except TabError as error:
            raise model._failure("the page could not import the package") from error
        yield model


def _application(package: Path, mailbox: Mailbox) -> ASGIApp:
    return application(
        [
            *mailbox.routes(),
            Mount("/package", Files(directory=package)),
            Mount("/", page(PAGE)),
        ]
    )
