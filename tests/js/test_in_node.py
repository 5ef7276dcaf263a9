"""The runtime in Node: in_node.mjs, on real packages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def test_packages_work_in_node(packages: Path) -> None:
    script = Path(__file__).with_name("in_node.mjs")
    environment = {**os.environ, "PACKAGES": str(packages)}
    command = ["node", "--no-warnings", "--test", "--test-reporter=spec", str(script)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
