"""`--csrc-coverage`: the lines of csrc/ that a run reached on the scalar build, in all processes.

Too few fail the run: the option is for runs of all tests of operators and of the core. What only
the wasm has (helper_threads.cc, libc.cc) is no part of that build.
"""

from __future__ import annotations

import os
import shutil

import build_native
import pytest
from slipcover.slipcover import format_missing
from support.llvm_cov import SHARED_PROFILE, File, files

LEAST = 90  # percent
OPTION = "--csrc-coverage"
NATIVE = "csrc/native/"  # what only tests have
FOLDER = build_native.BUILD / "csrc_coverage"


def pytest_addoption(parser: pytest.Parser) -> None:
    text = f"tell which lines of csrc ran; fail below {LEAST}%"
    parser.addoption(OPTION, action="store_true", help=text)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption(OPTION) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Coverage())


class Coverage:
    """Of one run, in the process that hands out the tests."""

    def __init__(self) -> None:
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        os.environ["LLVM_PROFILE_FILE"] = str(FOLDER / SHARED_PROFILE)
        self.found: dict[str, File] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        (library,) = build_native.build("scalar")
        profiles = list(FOLDER.glob("*.profraw"))
        if profiles:
            found = files(library, profiles, FOLDER)
            self.found = {name: found[name] for name in found if not name.startswith(NATIVE)}
        if self.percent < LEAST and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @property
    def percent(self) -> float:
        """Of all lines."""
        return _percent(list(self.found.values()))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        say = terminalreporter.write_line
        terminalreporter.section("coverage of csrc")
        count = sum(len(file.lines) for file in self.found.values())
        say(f"{self.percent:.1f}% of {count} lines ran, {LEAST}% must")
        for name, file in sorted(self.found.items(), key=lambda one: -len(one[1].missing)):
            if not (missing := file.missing):
                break
            where = format_missing(missing, [n for n in file.lines if file.lines[n]], [])
            say(f"{_percent([file]):4.0f}% {len(missing):4} {name}: {where}")


def _percent(found: list[File]) -> float:
    lines = sum(len(file.lines) for file in found)
    return 100 * (1 - sum(len(file.missing) for file in found) / lines) if lines else 0.0
