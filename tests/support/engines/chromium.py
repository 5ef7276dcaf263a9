"""Playwright's Chromium as an Engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from playwright.sync_api import Browser
from support.browser import profile
from support.engines import Engine

from wasm_torch_web.verify.chromium import describe, launched
from wasm_torch_web.verify.tab import ChromiumTab


def engine(browser: Browser) -> Engine:
    """The browser that is running already."""
    return Engine("chromium", describe(browser), partial(_profile, browser))


@contextmanager
def started() -> Iterator[Engine]:
    """A Chromium of its own, where none is running."""
    with launched() as browser:
        yield engine(browser)


@contextmanager
def _profile(browser: Browser) -> Iterator[Callable[[], ChromiumTab]]:
    with profile(browser) as context:
        yield lambda: ChromiumTab(context.new_page())
