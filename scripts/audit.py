"""Known holes in what this project uses: pip-audit over requirements.txt, npm audit over the lock.

Both ask a service. One that does not answer is told as such and fails like a finding: what nobody
has looked at is not clean. Our own code is bandit's, in `make lint`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import ROOT, Command

TOOL = ROOT / "build/audit"  # with a lot of packages of its own that nothing else needs
PACKAGES = ("pip-audit==2.10.1", "cyclonedx-bom==7.5.0")
PYTHON = ROOT / "requirements.txt"
GRAVE = ("high", "critical")


class Unasked(Exception):
    """The service did not answer."""


def main() -> None:
    wrong = []
    for name, audit in (("pip-audit", python), ("npm audit", node)):
        try:
            found = list(audit())
        except Unasked as error:
            print(f"{name}: NOT AUDITED: {error}")
            wrong.append(name)
            continue
        print(f"{name}: {len(found)} findings", *found, sep="\n  ")
        wrong += [name] if found else []
    sys.exit(f"not clean: {', '.join(wrong)}" if wrong else 0)


def tool(name: str) -> Path:
    """A program of the tools' own environment, installed now where it is missing."""
    program = TOOL / "bin" / name
    if not program.is_file():
        venv.create(TOOL, with_pip=True)
        subprocess.run([TOOL / "bin/pip", "install", "-q", *PACKAGES], check=True)
    return program


def python() -> Iterator[str]:
    """Every known hole of a pinned package: PyPI does not say how grave it is."""
    words: Command = [tool("pip-audit"), "-f", "json", "--disable-pip", "--no-deps", "-r", PYTHON]
    packages = answer(words).get("dependencies", [])
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown or not packages:
        raise Unasked(f"PyPI's JSON interface knows nothing of {len(unknown)} packages")
    for package in packages:
        for hole in package["vulns"]:
            mended = ", ".join(hole["fix_versions"]) or "nothing yet"
            yield f"{package['name']} {package['version']}: {hole['id']}, mended in {mended}"


def node() -> Iterator[str]:
    """The grave ones."""
    told = answer(["npm", "audit", "--json"])
    if "vulnerabilities" not in told:
        raise Unasked(str(told.get("message", told))[:200])
    for name, hole in told["vulnerabilities"].items():
        if hole["severity"] in GRAVE:
            yield f"{name} {hole['range']}: {hole['severity']}"


def answer(words: Command) -> dict[str, Any]:
    """Their exit codes say what their JSON says."""
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        told: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise Unasked(done.stderr.strip()[-200:] or "no answer") from error
    return told


if __name__ == "__main__":
    main()
