"""A damaged plan and the check that must refuse it, in lists: one a file of the checker."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.plans import Sections, sample

HUGE = 0xFFFFFFFF


@dataclass
class Case:
    """`edit` damages the records, or the bytes of the file; `check` is the refusing condition.

    `check` is a piece of csrc/core/`source`.
    """

    name: str
    source: str
    check: str
    edit: Callable[[Any], Any]
    on_bytes: bool = False
    make: Callable[[], tuple[bytes, bytes]] = sample  # the plan and weights that are damaged


class Suite:
    """Collects the cases of one file of the checker."""

    def __init__(self, source: str, make: Callable[[], tuple[bytes, bytes]] = sample) -> None:
        self.source, self.make = source, make
        self.cases: list[Case] = []

    def add(
        self, check: str, name: str, edit: Callable[[Any], Any], on_bytes: bool = False
    ) -> None:
        """A case."""
        self.cases.append(Case(name, self.source, check, edit, on_bytes, self.make))

    def edit(self, check: str, on_bytes: bool = False) -> Callable[[Any], Any]:
        """Marks a function as the edit of a case."""

        def mark(function: Any) -> Any:
            self.add(check, function.__name__, function, on_bytes)
            return function

        return mark

    def field(
        self, check: str, name: str, find: Callable[[Sections], Any], /, **changes: int
    ) -> None:
        """A case that changes fields of one record."""
        what = "-".join(f"{key}={value}" for key, value in changes.items())
        self.add(check, f"{name}-{what}", lambda p: vars(find(p)).update(changes))


def damaged(case: Case, plan: bytes) -> bytes:
    """The plan with the case's fault."""
    if case.on_bytes:
        content = bytearray(plan)
        case.edit(content)
        return bytes(content)
    sections = Sections(plan)
    case.edit(sections)
    return sections.pack()


def put(layout: str, offset: int, value: int) -> Callable[[bytearray], None]:
    """Overwrites a number of the file."""
    return lambda plan: struct.pack_into(layout, plan, offset, value)
