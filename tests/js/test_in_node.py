"""The runtime in Node: the files of in_node/, on real packages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).with_name("in_node")


NAMES = ("clock", "cycles", "ending", "faults", "hanging", "loading", "memory", "running")


@pytest.mark.parametrize("name", NAMES)
def test_packages_work_in_node(packages: Path, name: str) -> None:
    environment = {**os.environ, "PACKAGES": str(packages)}
    script = str(SCRIPTS / f"{name}.mjs")
    command = ["node", "--no-warnings", "--expose-gc", "--test", "--test-reporter=spec", script]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=1800
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_is_run() -> None:
    found = {path.stem for path in SCRIPTS.glob("*.mjs")}
    assert found == {*NAMES, "shared"}
