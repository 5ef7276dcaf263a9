"""A browser in, how far the memory of a page grows out; Linux only, as it reads /proc."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser


class PeakMemory:
    """Watches the browser's pages from here on: resident memory of their processes."""

    def __init__(self, browser: Browser) -> None:
        self._session = browser.new_browser_cdp_session()
        self._before = {pid: resident(pid, "VmRSS") for pid in self._renderers()}

    def growth(self) -> int | None:
        """Bytes from then to the highest peak since; None where the system does not tell.

        Each page has a process of its own, so the one that grew most is the page that worked.
        """
        grown = [
            peak - (self._before.get(pid) or 0)
            for pid in self._renderers()
            if (peak := resident(pid, "VmHWM")) is not None
        ]
        return max(grown, default=None)

    def close(self) -> None:
        """Ends the watching."""
        self._session.detach()

    def _renderers(self) -> list[int]:
        processes = self._session.send("SystemInfo.getProcessInfo")["processInfo"]
        return [process["id"] for process in processes if process["type"] == "renderer"]


def resident(pid: int, field: str) -> int | None:
    """`VmRSS` (now) or `VmHWM` (the peak) of a process in bytes."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = re.search(rf"^{field}:\s*(\d+) kB", status, re.MULTILINE)
    return 1024 * int(found[1]) if found else None
