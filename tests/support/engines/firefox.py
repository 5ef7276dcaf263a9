"""Firefox as an Engine: firefox.mjs, a process of Node, drives it over WebDriver BiDi."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from support.engines import Engine

from wasm_torch_web.verify.tab import TabError

SCRIPT = Path(__file__).with_name("firefox.mjs")
COMMANDS = ("firefox-esr", "firefox")


class _Driver:
    """The process of Node: a line of JSON for each command, a line for its answer."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, command: str, *arguments: object) -> Any:
        """The answer. Raises TabError."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([command, *arguments]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise TabError("the driver of Firefox has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise TabError(answer["error"])
        return answer.get("result")


class _Tab:
    """See wasm_torch_web/verify/tab.py."""

    def __init__(self, driver: _Driver, profile: int) -> None:
        self._driver = driver
        self._number = driver.ask("open", profile)

    @property
    def errors(self) -> list[str]:
        found: list[str] = self._driver.ask("errors", self._number)
        return found

    def goto(self, url: str) -> None:
        self._driver.ask("goto", self._number, url)

    def evaluate(self, function: str, argument: object = None) -> Any:
        return self._driver.ask("evaluate", self._number, function, argument)


@contextmanager
def started() -> Iterator[Engine]:
    """A Firefox, which ends with the block."""
    path = next(filter(None, map(shutil.which, COMMANDS)), None)
    if path is None:
        raise FileNotFoundError("no Firefox: run make engines")
    with subprocess.Popen(
        ["node", SCRIPT, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:  # leaving it closes the input, which ends the script
        driver = _Driver(process)
        yield Engine("firefox", driver.ask("version"), partial(_profile, driver))


@contextmanager
def _profile(driver: _Driver) -> Iterator[Callable[[], _Tab]]:
    number = driver.ask("profile")
    try:
        yield partial(_Tab, driver, number)
    finally:
        driver.ask("close", number)
