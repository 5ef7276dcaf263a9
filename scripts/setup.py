"""Everything the other commands need, each step only if it is not done: `make setup` calls this.

    python3 scripts/setup.py [--checks] [--engines]

Runs on the system's Python with nothing installed. --checks adds what only tests and lint need,
--engines Firefox and WebKitGTK with what drives them in tests.
A step's stamp holds the hash of its inputs and lies in the folder that the step fills, so that
removing the folder undoes the step.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import toolchain
from common import ROOT, VENV, content_hash, retry, run

PYTHON = VENV / "bin/python"
SHIM = ROOT / "tests/support/torchvision_schemas.py"
ENGINES = ROOT / "tests/support/engines"
REQUIREMENTS = ROOT / "requirements.txt"


def main() -> None:
    step("Python packages", VENV, python_inputs(), install_python)
    os.environ["PATH"] = f"{VENV / 'bin'}:{os.environ['PATH']}"  # what the steps below start
    if not toolchain.has_node():
        install_node()
    install_npm("npm packages", ROOT)
    toolchain.ensure_chromium()
    if "--checks" in sys.argv:
        toolchain.ensure_clang()
    if "--engines" in sys.argv:
        install_engines()
    run([PYTHON, "scripts/build_runtime.py"])
    if (ROOT / "js_runtime/build.mjs").is_file():
        run(["npm", "run", "--silent", "build"])


def step(name: str, folder: Path, inputs: Iterable[Path | str], action: Callable[[], None]) -> None:
    """Do the action unless the folder's stamp says that it was done with these inputs."""
    stamp, wanted = folder / ".setup-stamp", content_hash(inputs)
    if stamp.is_file() and stamp.read_text() == wanted:
        print(f"{name}: in place")
        return
    print(f"{name}: installing", flush=True)
    start = time.monotonic()
    action()
    stamp.write_text(wanted)
    print(f"{name}: installed in {time.monotonic() - start:.0f} s", flush=True)


def python_inputs() -> list[Path | str]:
    return [ROOT / "pyproject.toml", REQUIREMENTS, SHIM, sys.version]


def install_python() -> None:
    """The project itself (editable), its tools, and the packages that carry real weights."""
    if not PYTHON.is_file():
        create_venv()
    pip_install("-r", REQUIREMENTS)
    pip_install("--no-build-isolation", "-e", ".")
    install_shim(VENV)


def install_shim(environment: Path) -> None:
    """Makes `import torchvision` work there."""
    site = next((environment / "lib").glob("python3*/site-packages"))
    (site / SHIM.name).write_bytes(SHIM.read_bytes())
    (site / "torchvision_schemas.pth").write_text("import torchvision_schemas\n")


def create_venv() -> None:
    has_pip = subprocess.run([sys.executable, "-c", "import ensurepip, venv"], check=False)
    if has_pip.returncode:  # Debian keeps them in a package of their own
        toolchain.apt_install("virtual environments", ["python3-venv"])
    run([sys.executable, "-m", "venv", VENV])


def pip_install(*what: str | Path) -> None:
    """Of lists with hashes, whose files alone are taken; what those need is in the lists."""
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    command = [*pip, "--no-deps", *what]
    retry(lambda: run(command, quiet=True))


def install_node() -> None:
    """Debian 12's own Node is too old; PyPI has a newer one, which goes into the environment."""
    print("Node: installing into .venv", flush=True)
    pip_install("-r", ROOT / "scripts/requirements-node.txt")


def install_npm(name: str, folder: Path) -> None:
    """The step that installs what a folder's package-lock.json pins."""
    inputs: list[Path | str] = [folder / "package.json", folder / "package-lock.json"]
    options = ["--no-audit", "--no-fund", "--loglevel=error", "--prefix"]
    command: list[str | Path] = ["npm", "ci", *options, folder]
    step(name, folder / "node_modules", inputs, lambda: retry(lambda: run(command, quiet=True)))


def install_engines() -> None:
    """The other browsers and their drivers: puppeteer-core and Selenium."""
    toolchain.ensure_engines()
    install_npm("Driver of Firefox", ENGINES)
    site = next((VENV / "lib").glob("python3*/site-packages"))
    driver = ENGINES / "requirements.txt"
    step("Driver of WebKitGTK", site / "selenium", [driver], lambda: pip_install("-r", driver))


if __name__ == "__main__":
    main()
