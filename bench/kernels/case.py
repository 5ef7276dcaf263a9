"""What one line of the table times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One call of a function that the *.cc here export; `flops` counts a multiply-add as two."""

    group: str
    label: str
    function: str
    sizes: tuple[int, ...]
    flops: int
