"""Find an emcc that is new enough, or install one privately: out come its command and environment.

Order of preference: `emcc` on PATH, `$EMSDK`, an earlier private installation, a new private one
from Debian testing. The private one lies in the user's cache folder and needs no root: apt only
downloads, with lists, cache and (empty) package database of its own, so that the whole closure down
to libc comes along and the system's packages stay as they are.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common import cache_home, retry, run

from wasm_torch_web.oldest import EMSCRIPTEN

SUITE = "forky"
HELP = f"""no emcc >= {".".join(map(str, EMSCRIPTEN))} found, and none could be installed here.
Install emsdk (https://emscripten.org/docs/getting_started/downloads.html):
    git clone https://github.com/emscripten-core/emsdk && cd emsdk
    ./emsdk install latest && ./emsdk activate latest && . ./emsdk_env.sh"""


@dataclass(frozen=True)
class Emscripten:
    """How to start emcc and em++: both take `env`, which extends this process's environment."""

    emcc: tuple[str, ...]
    empp: tuple[str, ...]
    env: dict[str, str]
    version: str


def find() -> Emscripten:
    """The first usable emcc, installed now if there is none; exits with a message if that fails."""
    for candidate in (*_on_path(), *_private()):
        if found := _usable(candidate):
            return found
    with _lock():
        for candidate in _private():  # somebody else may have installed it while we waited
            if found := _usable(candidate):
                return found
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb") and shutil.which("node")):
            sys.exit(HELP)
        installed = _usable(_from_root(_install()))
    return installed or sys.exit(HELP)


def _on_path() -> Iterator[Emscripten]:
    path = os.environ.get("PATH", "")
    if sdk := os.environ.get("EMSDK"):
        path = f"{path}:{sdk}/upstream/emscripten"
    if (emcc := shutil.which("emcc", path=path)) and (empp := shutil.which("em++", path=path)):
        yield Emscripten((emcc,), (empp,), dict(os.environ), "")


def _private() -> Iterator[Emscripten]:
    roots = sorted(cache_home().glob("emscripten-[0-9]*"), key=lambda p: _numbers(p.name))
    return map(_from_root, reversed(roots))


def _from_root(root: Path) -> Emscripten:
    tools = root / "usr/share/emscripten"
    env = os.environ | {
        "EM_CONFIG": str(root / "config.py"),
        "NODE_PATH": str(root / "usr/share/nodejs"),
    }
    emcc, empp = (sys.executable, str(tools / "emcc.py")), (sys.executable, str(tools / "em++.py"))
    return Emscripten(emcc, empp, env, "")


def _usable(found: Emscripten) -> Emscripten | None:
    """The candidate with its version, or None if it does not start or is too old."""
    asked = subprocess.run(
        [*found.emcc, "--version"], env=found.env, capture_output=True, text=True, check=False
    )
    match = re.search(r"\d+\.\d+\.\d+", asked.stdout.split("\n")[0])
    if asked.returncode or not match or _numbers(match[0]) < EMSCRIPTEN:
        return None
    return Emscripten(found.emcc, found.empp, found.env, match[0])


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", text)))


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    cache_home().mkdir(parents=True, exist_ok=True)
    with (cache_home() / "emscripten.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install() -> Path:
    """Unpack Debian testing's emscripten beside its final place, patch it, rename it into place."""
    print(f"installing emscripten from Debian {SUITE} into {cache_home()}", flush=True)
    for leftover in cache_home().glob("emscripten.new.*"):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=cache_home(), prefix="emscripten.new.") as scratch:
        packages = _download(Path(scratch))
        emscripten = next(p for p in packages if p.name.startswith("emscripten_"))
        version = emscripten.name.split("_")[1].split("+")[0]
        final, root = cache_home() / f"emscripten-{version}", Path(scratch) / "root"
        for package in packages:
            run(["dpkg-deb", "-x", package, root])
        _patch(root, final)
        _configure(root, final)
        shutil.rmtree(final, ignore_errors=True)  # one that did not start
        root.rename(final)
    return final


def _download(scratch: Path) -> list[Path]:
    for folder in ("lists/partial", "cache/archives/partial"):
        (scratch / folder).mkdir(parents=True)
    (scratch / "status").touch()
    source = scratch / "testing.sources"
    source.write_text(
        f"Types: deb\nURIs: {_mirror()}\nSuites: {SUITE}\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )
    options = {
        "Dir::State": scratch,
        "Dir::State::lists": scratch / "lists",
        "Dir::State::status": scratch / "status",
        "Dir::Cache": scratch / "cache",
        "Dir::Etc::sourcelist": source,
        "Dir::Etc::sourceparts": "/dev/null",
        "APT::Sandbox::User": "",  # the folder is the user's own: _apt could not write there
        "Acquire::Retries": 3,
        "Debug::NoLocking": "true",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    retry(lambda: run([*apt, "update"], quiet=True))
    install = ["install", "-y", "--no-install-recommends", "--download-only", "emscripten"]
    retry(lambda: run([*apt, *install], quiet=True))
    return sorted((scratch / "cache/archives").glob("*.deb"))


def _mirror() -> str:
    """The machine's own Debian mirror."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    uris = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return next((u for u in uris if u.endswith("/debian/")), "http://deb.debian.org/debian/")


def _patch(root: Path, final: Path) -> None:
    """Tie the programs to the libraries in `final`, whatever the system's libc is."""
    llvm = next((root / "usr/lib").glob("llvm-*")).relative_to(root)
    triplet = next((root / "usr/lib").glob("*-linux-gnu")).relative_to(root)
    rpath = f"{final / triplet}:{final / llvm / 'lib'}"
    for program in [*(root / llvm / "bin").iterdir(), *(root / "usr/bin").glob("wasm-*")]:
        if program.is_symlink() or not (interpreter := _patchelf("--print-interpreter", program)):
            continue
        own = f"{final}/usr{interpreter.removeprefix('/usr')}"
        _patchelf("--set-interpreter", own, program)
        _patchelf("--force-rpath", "--set-rpath", rpath, program)
    for folder in (root / triplet, root / llvm / "lib"):
        for library in folder.glob("*.so*"):
            # A library's own RUNPATH would switch the program's RPATH off.
            if not library.is_symlink() and _patchelf("--print-rpath", library):
                _patchelf("--remove-rpath", library)


def _patchelf(*arguments: str | Path) -> str:
    program = shutil.which("patchelf", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    command = [program or sys.exit("patchelf is missing: run make setup"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _configure(root: Path, final: Path) -> None:
    llvm = next((root / "usr/lib").glob("llvm-*")).relative_to(root)
    settings = {
        "LLVM_ROOT": final / llvm / "bin",
        "BINARYEN_ROOT": final / "usr",
        "NODE_JS": shutil.which("node"),
        "CACHE": final / "cache",
    }
    lines = [f"{name} = {str(value)!r}\n" for name, value in settings.items()]
    (root / "config.py").write_text("".join(lines))


if __name__ == "__main__":
    emscripten = find()
    print(f"emscripten {emscripten.version}: {' '.join(emscripten.emcc)}")
