"""What tests saw of a host, a browser and a variant in; a file for docs/compatibility.md out.

Each thing seen has a file of its own in build/compatibility, so that parallel workers do not meet;
scripts/compatibility_doc.py takes them into the committed results and writes the page.
"""

from __future__ import annotations

import json
import os
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).parents[2] / "build" / "compatibility"


# Of docs/compatibility.md.
Section = Literal["pages", "bundlers", "servers", "runtimes", "judges"]


def record(
    host: str,
    browser: str,
    variant: str,
    result: str,
    note: str = "",
    section: Section = "pages",
    folder: Path = FOLDER,
) -> None:
    """Says that `variant` in `host` (Vite 8.3 dev) and `browser` (Chromium 156) gave `result`.

    `result` is "passes" or the reason why not. It takes the place of an older one for the same
    major version of the host, whatever the version of the browser.
    """
    row = {"section": section, "host": host, "browser": browser, "variant": variant}
    row |= {"result": result, "note": note}
    row["date"] = f"{datetime.now(timezone.utc):%Y-%m-%d}"
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{_key(host, browser, variant)}.json"
    beside = target.with_suffix(f".{os.getpid()}")
    beside.write_text(json.dumps(row, indent=2), encoding="utf-8")
    beside.replace(target)


def _key(host: str, browser: str, variant: str) -> str:
    """A file's name: `vite-8-dev.chromium.relaxed-threads`."""
    major = re.sub(r"(\d+)(\.\d+)+", r"\1", host)
    kind = re.sub(r"\s*\d+(\.\d+)*", "", browser)
    return ".".join(_slug(part) for part in (major, kind, variant))


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "none"
