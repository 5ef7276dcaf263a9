"""Memory that runs out at each allocation of a load and a run: always an error, never lost."""

from __future__ import annotations

from pathlib import Path

from support.builds import under_sanitizers


def test_every_allocation_may_fail() -> None:
    under_sanitizers(Path(__file__).with_name("starving.py"))
