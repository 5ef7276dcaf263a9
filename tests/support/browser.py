"""Tabs for tests, with the settings of playwright.config.py; what a page complains of is kept."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page

CONFIG = runpy.run_path(str(Path(__file__).parents[2] / "playwright.config.py"))


@dataclass
class Tab:
    """A page and the errors it has shown: exceptions, failed requests, blocked content."""

    page: Page
    errors: list[str] = field(default_factory=list)


@contextmanager
def tab(browser: Browser, context: str = "desktop") -> Iterator[Tab]:
    """A tab of a context of its own."""
    opened = browser.new_context(**CONFIG["CONTEXTS"][context])
    opened.set_default_timeout(CONFIG["TIMEOUT_MS"])
    try:
        found = Tab(opened.new_page())
        found.page.on("pageerror", lambda error: found.errors.append(str(error)))
        found.page.on(
            "console",
            lambda message: found.errors.append(message.text) if message.type == "error" else None,
        )
        yield found
    finally:
        opened.close()
