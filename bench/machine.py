"""Where and with what was measured, for readers of the results."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
from pathlib import Path
from typing import Any

import torch

from bench import peers


def describe() -> dict[str, Any]:
    """Processor, cores, system, and the versions of everything compared."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {"torch": torch.__version__, **library_versions(), **converter_versions()},
        "date": datetime.date.today().isoformat(),
    }


def processor() -> str:
    """As Linux calls it, else as Python does."""
    try:
        found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def library_versions() -> dict[str, str]:
    """The peers from npm."""
    pinned: dict[str, str] = json.loads((peers.FOLDER / "package.json").read_text())["dependencies"]
    return pinned


def converter_versions() -> dict[str, str]:
    """The converters."""
    lines = (peers.FOLDER / "requirements.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if "==" in line)
    return {name: pinned[name] for name in ("litert-torch", "onnx", "onnxscript")}
