"""Mutants that no test can or need kill: a piece of what the report shows of each, and why."""

from __future__ import annotations

ACCEPTED: dict[str, tuple[str, ...]] = {}


def reason_of(shown: str) -> str | None:
    """Why this mutant may survive, if it may."""
    for reason, pieces in ACCEPTED.items():
        if any(piece in shown for piece in pieces):
            return reason
    return None
