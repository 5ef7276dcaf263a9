"""Playwright's Chromium as an Engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from playwright.sync_api import Browser
from support.browser import tab
from support.engines import Engine

from wasm_torch_web.verify.chromium import describe, launched


def engine(browser: Browser) -> Engine:
    """The browser that is running already."""
    return Engine("chromium", describe(browser), partial(tab, browser))


@contextmanager
def started() -> Iterator[Engine]:
    """A Chromium of its own, where none is running."""
    with launched() as browser:
        yield engine(browser)
