"""The lists of requirements anew: their pins, each with the hashes of the files it may be.

    .venv/bin/python scripts/lock.py

After a pin was changed or added, as NAME==VERSION. pip then installs nothing else. The hashes are
PyPI's but for torch on Linux, whose wheels there are CUDA's (gigabytes): the CPU build for this
Python is taken from where pip finds it.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import ROOT
from packaging.tags import Tag
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

LISTS = (
    "requirements.txt",
    "scripts/requirements-node.txt",
    "tests/support/engines/requirements.txt",
    "wasm_torch_web/deploy/templates/image/requirements.txt",
)
PYPI = "https://pypi.org/simple/"
FORM = "application/vnd.pypi.simple.v1+json"
PYTHONS = re.compile(r"(py3|cp31[0-9]|cp3[0-9]+-abi3)$")
MACHINES = re.compile(r"(any|manylinux.*(x86_64|aarch64)|macosx.*|win_(amd64|arm64))$")
CUDA_ON_LINUX = ("torch",)


def main() -> None:
    for name in LISTS:
        lock(ROOT / name)


def lock(file: Path) -> None:
    lines = file.read_text().splitlines()
    head = [line for line in lines if line.startswith("#")]
    pins = [line.split()[0] for line in lines if "==" in line]
    with ThreadPoolExecutor(8) as pool:
        locked = list(pool.map(entry, sorted(pins, key=str.lower)))
    file.write_text("\n".join([*head, *locked, ""]))


def entry(pin: str) -> str:
    """The pin and its hashes, as pip reads them."""
    name, version = pin.split("==")
    request = urllib.request.Request(f"{PYPI}{name}/", headers={"Accept": FORM})
    with urllib.request.urlopen(request, timeout=60) as answer:  # nosec B310
        files = json.load(answer)["files"]
    ours = {f["filename"]: f["hashes"]["sha256"] for f in files if is_ours(f["filename"], version)}
    if name in CUDA_ON_LINUX:
        ours = {file: ours[file] for file in ours if "linux" not in file} | found_by_pip(pin)
    wheels = {ours[file] for file in ours if file.endswith(".whl")}
    hashes = wheels or ours.values()  # what a source archive needs to be built has no hashes
    if not hashes:
        sys.exit(f"{pin}: PyPI has no file of it for this project's platforms")
    return " \\\n    ".join([pin, *(f"--hash=sha256:{one}" for one in sorted(hashes))])


def is_ours(file: str, version: str) -> bool:
    """Whether somebody who works on this project may install it."""
    try:
        if file.endswith(".whl"):
            _, found, _, tags = parse_wheel_filename(file)
        else:
            (_, found), tags = parse_sdist_filename(file), None
    except (InvalidWheelFilename, InvalidSdistFilename):
        return False
    return found == Version(version) and (tags is None or any(map(is_supported, tags)))


def is_supported(tag: Tag) -> bool:
    python = f"{tag.interpreter}-abi3" if tag.abi == "abi3" else tag.interpreter
    return bool(PYTHONS.match(python) and MACHINES.match(tag.platform))


def found_by_pip(pin: str) -> dict[str, str]:
    """File -> hash, of the one that pip would install here."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, pin]
        subprocess.run(pip, check=True)
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in Path(folder).iterdir()}


if __name__ == "__main__":
    main()
