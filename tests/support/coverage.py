"""`--coverage`: the lines of wasm_torch_web that a run reached, in all processes that it started.

measured/sitecustomize.py notes them in each process; here they are put together. Too few lines fail
the run: the option is for runs of all tests.
"""

from __future__ import annotations

import json
import os
import shutil
from typing import Any

import pytest
import slipcover
from slipcover.slipcover import format_missing
from support.measured import sitecustomize as measured

LEAST = 90  # percent
TOLD = 15  # files
OPTION = "--coverage"


def pytest_addoption(parser: pytest.Parser) -> None:
    text = f"tell which lines of wasm_torch_web ran; fail below {LEAST}%"
    parser.addoption(OPTION, action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption(OPTION):
        return
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(Worker())
        return
    if not config.getoption("numprocesses", None):
        raise pytest.UsageError(f"{OPTION} takes -n: it sees processes that begin after this one")
    config.pluginmanager.register(Coverage())


class Worker:
    """A process that runs tests. It is killed where its end takes long."""

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        import sitecustomize

        sitecustomize.write()


class Coverage:
    """Of one run, in the process that hands out the tests and runs none."""

    def __init__(self) -> None:
        self.folder = measured.ROOT / "build" / "coverage"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        path = [os.path.dirname(measured.__file__), os.environ.get("PYTHONPATH")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, path))
        os.environ["WTW_COVERAGE"] = str(self.folder)

    @pytest.hookimpl(trylast=True)  # the processes have ended
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        # With all lines missing: files that nobody imports count.
        self.found: dict[str, Any] = measured.lines(source=[measured.SOURCE]).get_coverage()
        for file in self.folder.glob("*.json"):
            slipcover.merge_coverage(self.found, json.loads(file.read_text()))
        if self.percent < LEAST and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @property
    def percent(self) -> float:
        """Of all lines."""
        percent: float = self.found["summary"]["percent_covered"]
        return percent

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        say, total = terminalreporter.write_line, self.found["summary"]
        count = total["covered_lines"] + total["missing_lines"]
        terminalreporter.section("coverage")
        say(f"{self.percent:.1f}% of {count} lines ran, {LEAST}% must; most are missing of")
        files = sorted(self.found["files"].items(), key=lambda one: -len(one[1]["missing_lines"]))
        for name, lines in files[:TOLD]:
            percent, missing = lines["summary"]["percent_covered"], lines["missing_lines"]
            where = format_missing(missing, lines["executed_lines"], [])
            say(f"{percent:4.0f}% {len(missing):4} {name}: {where}")
