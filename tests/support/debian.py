"""Programs of Debian packages without installing them: downloaded and unpacked into a folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def unpacked(folder: Path, *packages: str) -> Path:
    """`folder` with the files of these packages, once."""
    done = folder / "done"
    if not done.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["apt-get", "download", "-q", *packages]
        if subprocess.run(command, cwd=folder, check=False).returncode:  # the lists are old
            subprocess.run(["apt-get", "update", "-q"], check=True)
            subprocess.run(command, cwd=folder, check=True)
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        done.touch()
    return folder


def version(root: Path, package: str) -> str:
    """Of an unpacked package, as its authors count."""
    name = next(root.glob(f"{package}_*.deb")).name
    return name.split("_")[1].partition("-")[0]


def environment(root: Path) -> dict[str, str]:
    """What makes programs find the libraries that came with them."""
    libraries = sorted({str(path.parent) for path in root.glob("usr/lib/*/*.so*")})
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}
