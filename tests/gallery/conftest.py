"""The gallery, built by the command that people run; pages of it, and a Chromium that hears."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from filelock import FileLock
from playwright.sync_api import Browser
from support.browser import tab

from wasm_torch_web import serving
from wasm_torch_web.verify import chromium
from wasm_torch_web.verify.tab import ChromiumTab

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build/gallery"
SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
    for (const { value, hadRecentInput, sources } of list.getEntries()) {
        const moved = sources.map(({ node }) => node?.id || node?.className || node?.nodeName);
        if (!hadRecentInput) window.shifts.push(`${value}: ${moved}`);
    }
}).observe({ type: 'layout-shift', buffered: true });
"""

Open = Callable[..., AbstractContextManager[ChromiumTab]]


@pytest.fixture(scope="session")
def gallery() -> Iterator[str]:
    """Its address; packages are built where that has not been done, once for all test processes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with FileLock(FOLDER / ".lock"):
        command = [sys.executable, ROOT / "scripts/gallery.py", "--no-verify"]
        subprocess.run(command, env={**os.environ, "CI": "true"}, check=True)
    with serving.running(serving.site(FOLDER)) as url:
        yield url


@pytest.fixture
def opened(browser: Browser, gallery: str) -> Open:
    """A page of the gallery, once its model is there; `page.shifts` collects what moved."""

    @contextmanager
    def open_page(
        name: str, context: str = "desktop", own: Browser | None = None
    ) -> Iterator[ChromiumTab]:
        with tab(own or browser, context) as found:
            found.page.add_init_script(SHIFTS)
            found.page.goto(f"{gallery}/{name}.html")
            if name != "index":
                found.page.locator("#progress.done").wait_for(state="attached")
            yield found

    return open_page


@contextmanager
def hearing(browser: Browser, sound: Path) -> Iterator[Browser]:
    """A second Chromium: its microphone is a file that is played over and over."""
    flags = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",  # whoever asks may listen
        f"--use-file-for-fake-audio-capture={sound}",
    )
    kind = browser.browser_type
    path = chromium.find() or kind.executable_path
    second = kind.launch(executable_path=path, args=[*chromium.arguments(), *flags])
    try:
        yield second
    finally:
        second.close()
