"""The native builds that tests run on, made where they are not up to date."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import build_native
from support.native import Library


@functools.cache
def plain() -> Library:
    return Library(_built("plain"))


@functools.cache
def scalar() -> Library:
    """What counts its lines for --csrc-coverage."""
    return Library(_built("scalar"))


def apart(kind: str, folder: Path) -> Library:
    """A library with globals of its own: threads, the tiles of other processors."""
    return Library(Path(shutil.copy(_built(kind), folder)))


@functools.cache
def _built(kind: str) -> Path:
    (path,) = build_native.build(kind)
    if kind == "scalar":  # else it would leave a file wherever it is used
        os.environ.setdefault("LLVM_PROFILE_FILE", os.devnull)
    return path


def plan_fuzzer() -> Path:
    """The fuzz target of plans."""
    return next(path for path in build_native.build("fuzz") if path.name == "plan")


def under_sanitizers(script: Path, *words: str) -> None:
    """Runs a script on the build with ASan and UBSan, whose reports fail it: in a process of its
    own, whose first word is the library."""
    (library,) = build_native.build("asan")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script, library, *words],
        capture_output=True,
        text=True,
        env={**os.environ, **build_native.sanitizer_environment()},
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
