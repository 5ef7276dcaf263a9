"""Tabs of Chromium for tests, with the settings of playwright.config.py."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, expect

from wasm_torch_web.verify.tab import ChromiumTab

CONFIG = runpy.run_path(str(Path(__file__).parents[2] / "playwright.config.py"))
expect.set_options(timeout=CONFIG["TIMEOUT_MS"])


@contextmanager
def tab(browser: Browser, context: str = "desktop") -> Iterator[ChromiumTab]:
    """A tab of a context of its own."""
    with profile(browser, context) as opened:
        yield ChromiumTab(opened.new_page())


@contextmanager
def profile(browser: Browser, context: str = "desktop") -> Iterator[BrowserContext]:
    """A context of its own."""
    opened = browser.new_context(**CONFIG["CONTEXTS"][context])
    try:
        opened.set_default_timeout(CONFIG["TIMEOUT_MS"])
        yield opened
    finally:
        opened.close()
