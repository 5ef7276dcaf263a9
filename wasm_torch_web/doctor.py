"""This machine in, what of the tools is found (versions, places) and what is missing for what."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from wasm_torch_web.bundle.entry import SCRIPTS, WASM
from wasm_torch_web.console import bytes_text, columns
from wasm_torch_web.errors import UserError
from wasm_torch_web.oldest import EMSCRIPTEN, NODE

RUNTIME = Path(__file__).parent / "runtime"


@dataclass(frozen=True)
class Check:
    """One tool: `version` is empty where it is missing; `trouble` says what is wrong with it."""

    name: str
    version: str
    place: str
    purpose: str
    needed: bool = True
    trouble: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is there and can be used."""
        return bool(self.version) and not self.trouble

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "name": self.name,
            "ok": self.ok,
            "version": self.version or None,
            "place": self.place or None,
            "purpose": self.purpose,
            "needed": self.needed,
            "trouble": self.trouble or None,
        }


def examine() -> list[Check]:
    """All checks, the most needed first."""
    system = f"{platform.system()} {platform.machine()}"
    return [
        Check("Python", platform.python_version(), system, "everything"),
        _package("torch", "build"),
        _package("transformers", "Hugging Face folders", needed=False),
        _runtime(),
        _chromium(),
        _command("Node.js", ("node",), NODE, "running packages outside a browser"),
        _command("npm", ("npm",), (), "installing packages"),
        _emscripten(),
    ]


def table(checks: list[Check]) -> Table:
    """A row for each tool."""
    shown = columns("", "", "tool", "version", "needed for")
    for check in checks:
        mark = "[green]ok[/]" if check.ok else "[red]--[/]" if check.needed else "[yellow]--[/]"
        detail = check.trouble or check.place
        version = check.version or "not found"
        version += f"\n[dim]{escape(detail)}[/]" if detail else ""
        shown.add_row(mark, check.name, version, check.purpose)
    return shown


def raise_if_missing(checks: list[Check]) -> None:
    """Raises UserError tools-missing unless all that a build needs is there."""
    missing = [check for check in checks if check.needed and not check.ok]
    if missing:
        told = "; ".join(f"{one.name} for {one.purpose} ({one.trouble})" for one in missing)
        raise UserError("tools-missing", tools=told)


def _package(name: str, purpose: str, needed: bool = True) -> Check:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name, "", "", purpose, needed, f"pip install {name}")
    return Check(name, version, "", purpose, needed)


def _runtime() -> Check:
    purpose = "build"
    files = [RUNTIME / name for name in WASM]
    scripts = [RUNTIME / "js" / name for name in SCRIPTS]
    missing = [file.name for file in (*files, *scripts) if not file.is_file()]
    if missing:
        return Check("runtime", "", str(RUNTIME), purpose, True, f"missing: {', '.join(missing)}")
    sizes = ", ".join(bytes_text(file.stat().st_size) for file in files)
    return Check("runtime", f"{len(files)} variants", sizes, purpose)


def _chromium() -> Check:
    from wasm_torch_web.verify import chromium

    purpose = "verification (build, validate, bisect)"
    try:
        path = chromium.installed()
    except UserError as error:
        return Check("Chromium", "", "", purpose, True, error.message)
    if path is None:
        named = os.environ.get("CHROMIUM")
        trouble = f"CHROMIUM={named} is no program" if named else "install it or set CHROMIUM"
        return Check("Chromium", "", "", purpose, True, trouble)
    return Check("Chromium", _browser_version(path) or "unknown", str(path), purpose)


def _browser_version(path: Path) -> str:
    """What it prints; on Windows `--version` opens a window, but a folder beside it is named so."""
    if path.suffix.lower() != ".exe":
        return _version([str(path), "--version"])
    names = [found.name for found in path.parent.glob("*.*.*.*") if found.is_dir()]
    return max(names, key=_numbers, default="")


def _command(name: str, commands: tuple[str, ...], least: tuple[int, ...], purpose: str) -> Check:
    path = next((found for command in commands if (found := shutil.which(command))), None)
    if path is None:
        return Check(name, "", "", purpose, False)
    version = _version([path, "--version"])
    old = _numbers(version)[: len(least)] < least
    trouble = f"version {'.'.join(map(str, least))} or newer is needed" if old else ""
    return Check(name, version, path, purpose, False, trouble)


def _emscripten() -> Check:
    purpose = "compiling the runtime from a checkout"
    found = _command("emcc", ("emcc", "em++"), EMSCRIPTEN, purpose)
    if found.ok:
        return found
    private = next(_private_emscripten(), None)
    if private is None:
        return found
    version = private.name.removeprefix("emscripten-")
    return Check("emcc", version, str(private), purpose, False)


def _private_emscripten() -> Iterator[Path]:
    """Those that a checkout's set-up has unpacked for itself, newest first."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wasm-torch-web"
    yield from sorted(cache.glob("emscripten-*"), reverse=True)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _version(command: list[str]) -> str:
    """The first number with a dot that the command prints, or nothing."""
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    match = re.search(r"\d+(?:\.\d+)+", said.stdout + said.stderr)
    return match[0] if match else ""
