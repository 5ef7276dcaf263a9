"""Memory that runs out at each allocation of a load and a run: always an error, never lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_every_allocation_may_fail() -> None:
    """In a process of its own under ASan and UBSan, whose reports fail it."""
    import build_native

    (library,) = build_native.build("asan")
    environment = {**os.environ, **build_native.sanitizer_environment()}
    script = Path(__file__).with_name("starving.py")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script, library],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
