"""Native programs that the checks need: found, else installed from Debian's packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from ctypes.util import find_library
from pathlib import Path

from common import retry, run

from wasm_torch_web.oldest import NODE
from wasm_torch_web.verify.browsers import COMMANDS

OLDEST_CLANG, DEBIAN_CLANG = 16, 19
CLANG_PACKAGES = (
    f"clang-{DEBIAN_CLANG}",
    f"clang-tidy-{DEBIAN_CLANG}",
    f"llvm-{DEBIAN_CLANG}",  # the sanitizers' symbolizer
    f"libclang-rt-{DEBIAN_CLANG}-dev",
    "libstdc++-12-dev|libstdc++-14-dev",
    "libsimde-dev",
)


def clang(name: str) -> Path | None:
    """The newest `clang++`, `clang-tidy` ... that is new enough, plain name or with a version."""
    for candidate in (*(f"{name}-{v}" for v in range(24, OLDEST_CLANG - 1, -1)), name):
        if path := shutil.which(candidate):
            said = re.search(r"version (\d+)", _output([path, "--version"]))
            if said and int(said[1]) >= OLDEST_CLANG:
                return Path(path)
    return None


def chromium() -> Path | None:
    """`$CHROMIUM`, or a Chromium or one of its kin on PATH."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, COMMANDS)), None)
    return Path(found) if found else None


def ensure_clang() -> None:
    if not (clang("clang++") and clang("clang-tidy") and Path("/usr/include/simde").is_dir()):
        apt_install("the native build (clang, sanitizers, SIMDe)", CLANG_PACKAGES)


def ensure_chromium() -> None:
    """A browser, and the library that Playwright's driver links."""
    packages = [] if chromium() else ["chromium"]
    if sys.platform == "linux" and not find_library("atomic"):
        packages.append("libatomic1")
    if packages:
        apt_install("the browser checks ($CHROMIUM may name another browser)", packages)


def ensure_engines() -> None:
    """Firefox, WebKitGTK with its WebDriver, and the display without hardware that it runs on."""
    needed = {"firefox-esr": "firefox-esr", "WebKitWebDriver": "webkit2gtk-driver", "Xvfb": "xvfb"}
    if packages := [package for command, package in needed.items() if not shutil.which(command)]:
        apt_install("the other browser engines", packages)


def has_node() -> bool:
    """Whether node and npm are on PATH and new enough."""
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    version = _output(["node", "--version"]).lstrip("v").split(".")
    return tuple(map(int, version[:2])) >= NODE


def apt_install(purpose: str, packages: Sequence[str]) -> None:
    """Install Debian packages ("a|b": the first that exists), or say what somebody must install."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        sys.exit(f"missing for {purpose}: install {' '.join(packages)} (on Debian, as root: rerun)")
    print(f"installing with apt-get for {purpose}", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    options = ["-q", "-oAcquire::Retries=3", "-oDPkg::Lock::Timeout=300"]
    retry(lambda: run(["apt-get", *options, "update"], quiet=True))
    names = [_available(package) for package in packages]
    install = ["apt-get", *options, "install", "-y", "--no-install-recommends", *names]
    retry(lambda: run(install, quiet=True, env=environment))


def _available(package: str) -> str:
    choices = package.split("|")
    return next((c for c in choices if _output(["apt-cache", "show", c])), choices[0])


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()
