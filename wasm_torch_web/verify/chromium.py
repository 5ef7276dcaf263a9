"""Finds Chromium and launches it through Playwright; the one place for how that is done."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import ParamSpec, TypeVar

from playwright.sync_api import Browser, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from wasm_torch_web.errors import UserError
from wasm_torch_web.verify import browsers

P = ParamSpec("P")
T = TypeVar("T")

ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-first-run",
    "--no-pings",
    # Small containers have a small /dev/shm.
    "--disable-dev-shm-usage",
)


def find(playwright: Playwright | None = None, system: str = sys.platform) -> Path | None:
    """$CHROMIUM, the PATH, Playwright's own, the usual places; None where there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        found = shutil.which(named)
        return Path(found) if found else None
    candidates = [shutil.which(command) for command in browsers.COMMANDS]
    if playwright is not None:
        candidates.append(playwright.chromium.executable_path)
    candidates += browsers.places(system, os.environ)
    return next((Path(path) for path in candidates if path and Path(path).is_file()), None)


@contextmanager
def driver() -> Iterator[Playwright]:
    """Playwright. Raises UserError browser-failed where its own Node does not start."""
    try:
        playwright = sync_playwright().start()
    except Exception as error:  # a plain one, whatever the reason
        reason = "Playwright's driver does not start (on Linux it needs libatomic.so.1)"
        raise UserError("browser-failed", reason=reason) from error
    try:
        yield playwright
    finally:
        playwright.stop()


@contextmanager
def launched(headless: bool = True) -> Iterator[Browser]:
    """A running Chromium. Raises UserError no-chromium or browser-failed."""
    with driver() as playwright:
        path = find(playwright)
        if path is None:
            named = os.environ.get("CHROMIUM")
            raise UserError("no-chromium", where=f"CHROMIUM={named}" if named else None)
        try:
            browser = playwright.chromium.launch(
                executable_path=path, headless=headless, args=arguments()
            )
        except PlaywrightError as error:
            reason = error.message.splitlines()[0]
            raise UserError("browser-failed", reason=reason, where=str(path)) from error
        try:
            yield browser
        finally:
            browser.close()


def apart(function: Callable[P, T]) -> Callable[P, T]:
    """`function`, run in a thread of its own, which Ctrl-C does not wait for.

    Playwright's plain interface refuses a thread that has an asyncio loop, as notebooks do.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        outcome: Future[T] = Future()

        def work() -> None:
            try:
                outcome.set_result(function(*args, **kwargs))
            except BaseException as error:
                outcome.set_exception(error)

        Thread(target=work, daemon=True).start()
        return outcome.result()

    return run


@apart
def installed() -> Path | None:
    """The Chromium that `launched` would start."""
    with driver() as playwright:
        return find(playwright)


def describe(browser: Browser) -> str:
    """Name and version, as the manifest records them."""
    return f"Chromium {browser.version}"


def arguments() -> list[str]:
    """What every Chromium is started with."""
    # Chromium refuses to sandbox itself for root.
    as_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [*ARGUMENTS, *(["--no-sandbox"] if as_root else [])]
