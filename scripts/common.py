"""What the set-up scripts share: paths, the cache folder, running commands, content hashes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))  # for the package's plain tables, which need nothing installed
VENV = ROOT / ".venv"
BUILD = ROOT / "build"
Command: TypeAlias = Sequence[str | Path]


def cache_home() -> Path:
    """The user's cache folder for this project (`XDG_CACHE_HOME` moves it)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wasm-torch-web"


def run(command: Command, *, quiet: bool = False, env: dict[str, str] | None = None) -> None:
    """Run in the repository root; a failure ends the script and shows what was said."""
    words = [str(word) for word in command]
    pipe = subprocess.PIPE if quiet else None
    done = subprocess.run(
        words, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, check=False
    )
    if done.returncode:
        said = ((done.stdout or b"") + (done.stderr or b"")).decode(errors="replace")[-20000:]
        sys.stderr.write("".join(f"{line[:500]}\n" for line in said.splitlines()))
        raise SystemExit(f"failed with exit code {done.returncode}: {' '.join(words)[:500]}")


def retry(action: Callable[[], None], attempts: int = 3) -> None:
    """For downloads: try again after 5 and 20 seconds."""
    for attempt in range(1, attempts + 1):
        try:
            return action()
        except SystemExit as failure:
            if attempt == attempts:
                raise
            print(f"{failure}\nattempt {attempt} of {attempts}, trying again", flush=True)
            time.sleep(5 * attempt**2)


def content_hash(parts: Iterable[Path | str]) -> str:
    """One hash of files (name and bytes) and of plain strings; a missing file counts as such."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else _file_bytes(part)
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:32]


def write_if_changed(path: Path, data: bytes) -> None:
    """Replace a file in one step; leave it alone, time stamp included, if it says this already."""
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_bytes(data)
    beside.replace(path)


def _file_bytes(path: Path) -> bytes:
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f"{name}\0".encode() + (path.read_bytes() if path.is_file() else b"\0missing")
