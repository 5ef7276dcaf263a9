"""The runtime and the wheel are built a second time, in another folder and with nothing cached.

`make reproducible` fails where a byte differs from the first time. Of the first only the compiler,
the virtual environment and the npm packages are used again.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from common import ROOT, Command, cache_home

OTHERWISE = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
BUILT = ("wasm_torch_web/runtime", "wasm_torch_web/demo")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        elsewhere = Path(folder, "a/deeper/folder")
        copy(elsewhere)
        cache = Path(folder, "cache/wasm-torch-web")
        cache.mkdir(parents=True)
        for tool in cache_home().glob("emscripten-[0-9]*"):
            (cache / tool.name).symlink_to(tool)
        wheels = Path(folder, "first"), Path(folder, "second")
        build(ROOT, wheels[0], {})
        build(elsewhere, wheels[1], {**OTHERWISE, "XDG_CACHE_HOME": str(cache.parent)})
        first, second = made(ROOT, wheels[0]), made(elsewhere, wheels[1])
    differing = sorted(name for name in first | second if first.get(name) != second.get(name))
    print(f"{len(first)} files, {len(differing)} of them differ", *differing, sep="\n  ")
    sys.exit(bool(differing))


def copy(to: Path) -> None:
    """What git tracks, as it lies here, and links to what was installed."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, to / name)
    for installed in (".venv", "node_modules"):
        (to / installed).symlink_to(ROOT / installed)


def build(root: Path, wheels: Path, environment: dict[str, str]) -> None:
    """As `make setup` and `make wheel` do, with nothing but the code in that folder."""
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    commands: tuple[Command, ...] = (
        [sys.executable, "scripts/build_runtime.py"],
        ["npm", "run", "--silent", "build"],
        [*wheel, "-w", str(wheels), "."],
    )
    for command in commands:
        subprocess.run(command, cwd=root, env=os.environ | environment, check=True)


def made(root: Path, wheels: Path) -> dict[str, str]:
    """File -> hash, of the runtime's files and of those in the wheel."""
    files = [path for folder in BUILT for path in (root / folder).rglob("*") if path.is_file()]
    found = {str(path.relative_to(root)): _sha256(path.read_bytes()) for path in files}
    for wheel in wheels.glob("*.whl"):
        found[wheel.name] = _sha256(wheel.read_bytes())
        with zipfile.ZipFile(wheel) as archive:
            found |= {f"{wheel.name}: {n}": _sha256(archive.read(n)) for n in archive.namelist()}
    return found


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    main()
