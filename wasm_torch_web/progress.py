"""Who is told what goes on, and how long each step of it took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Console(Protocol):
    """Who is told what goes on."""

    def step(self, title: str) -> None:
        """A new step of the build begins."""

    def detail(self, text: str) -> None:
        """Something inside the step that is worth a changing line."""

    def part(self, done: int, total: int, text: str) -> None:
        """Of a step with parts: how many are done, and what this one is about."""

    def notice(self, text: str) -> None:
        """Something the user should know."""


class Silent:
    """A console that says nothing."""

    def step(self, title: str) -> None:
        """Nothing."""

    detail = notice = step

    def part(self, done: int, total: int, text: str) -> None:
        """Nothing."""


class Line:
    """Times the steps and collects notices."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.seconds: dict[str, float] = {}
        self.notices: list[str] = []

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """A step, or once more the same."""
        self.console.step(title)
        start = time.perf_counter()
        yield
        self.seconds[title] = self.seconds.get(title, 0.0) + time.perf_counter() - start

    def notice(self, text: str) -> None:
        """Tells and keeps it."""
        self.notices.append(text)
        self.console.notice(text)
