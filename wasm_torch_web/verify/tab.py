"""A page in some browser, as this project uses it: an address, functions called in it, complaints.

Verification opens its pages in Chromium through Playwright; whatever else has these four things
will do as well.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from playwright.sync_api import Browser, Page
from playwright.sync_api import Error as PlaywrightError

POLL_SECONDS = 0.02


class TabError(Exception):
    """The page threw, or the browser did not do what it was asked to."""


class Tab(Protocol):
    """A page."""

    @property
    def errors(self) -> list[str]:
        """What it has complained of so far: exceptions, failed requests, blocked content."""

    def goto(self, url: str) -> None:
        """Returns when the page has loaded. Raises TabError."""

    def evaluate(self, function: str, argument: object = None) -> Any:
        """What the JavaScript function gives, awaited; JSON both ways. Raises TabError."""


def wait_for(tab: Tab, condition: str, seconds: float = 30.0) -> None:
    """Returns when the JavaScript expression holds in the page. Raises TabError."""
    end = time.monotonic() + seconds
    while not tab.evaluate(f"() => Boolean({condition})"):
        if time.monotonic() > end:
            raise TabError(f"{condition} does not hold after {seconds:.0f} seconds")
        time.sleep(POLL_SECONDS)


class ChromiumTab:
    """A page that Playwright drives."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self._printed(message.type, message.text))

    def goto(self, url: str) -> None:
        """See Tab."""
        self._asked(self.page.goto, url)

    def evaluate(self, function: str, argument: object = None) -> Any:
        """See Tab."""
        return self._asked(self.page.evaluate, function, argument)

    def _asked(self, action: Any, *arguments: object) -> Any:
        try:
            return action(*arguments)
        except PlaywrightError as error:
            raise TabError(error.message.splitlines()[0]) from error

    def _printed(self, kind: str, text: str) -> None:
        if kind == "error":
            self.errors.append(text)


@contextmanager
def chromium_tab(browser: Browser) -> Iterator[ChromiumTab]:
    """A tab of a context of its own."""
    opened = browser.new_context()
    try:
        yield ChromiumTab(opened.new_page())
    finally:
        opened.close()
