"""What captured.json lists: entries that count, and by reason those that do not."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

CAPTURED = Path(__file__).with_name("captured.json")


def counted() -> dict[str, list[int]]:
    """The entries that count, and of each the samples that do not: those that stock torch.export
    does not capture, and those that draw random numbers."""
    return {
        name: [*found.get("not captured", []), *found.get("random", [])]
        for name, found in _listed().items()
        if "excluded" not in found and found.get("not captured") != "any"
    }


def drawing() -> list[str]:
    """The entries with samples that draw random numbers."""
    return [
        name
        for name, found in _listed().items()
        if "random" in found or found.get("excluded") == "random"
    ]


def excepted() -> dict[str, list[str]]:
    """The others by reason."""
    found: dict[str, list[str]] = {}
    for name, one in _listed().items():
        if "excluded" in one:
            found.setdefault(one["excluded"], []).append(name)
        elif one.get("not captured") == "any":
            found.setdefault("torch.export captures no sample", []).append(name)
    return dict(sorted(found.items()))


@functools.cache
def _listed() -> dict[str, dict[str, Any]]:
    listed: dict[str, dict[str, Any]] = json.loads(CAPTURED.read_text())
    return listed
