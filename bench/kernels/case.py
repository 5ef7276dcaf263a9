"""What one line of the table times."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Call:
    """One call of a function that the *.cc here export."""

    group: str
    label: str
    function: str
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Case(Call):
    """What multiplies: `flops` counts a multiply-add as two."""

    flops: int


@dataclass(frozen=True)
class MemoryCase(Call):
    """What moves: `moved` counts bytes read and written once."""

    elements: int
    moved: int
