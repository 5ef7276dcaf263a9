"""Tabs of Chromium for tests, with the settings of playwright.config.py."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser

from wasm_torch_web.verify.tab import ChromiumTab, chromium_tab

CONFIG = runpy.run_path(str(Path(__file__).parents[2] / "playwright.config.py"))


@contextmanager
def tab(browser: Browser, context: str = "desktop") -> Iterator[ChromiumTab]:
    """A tab of a context of its own."""
    with chromium_tab(browser, **CONFIG["CONTEXTS"][context]) as found:
        found.page.set_default_timeout(CONFIG["TIMEOUT_MS"])
        yield found
