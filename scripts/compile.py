"""C++ sources in, cached object files out: what the wasm and the native build share.

An object is keyed by compiler version, flags, source and the headers that the compiler said it
read, by content and relative path: a fresh clone with a warm cache compiles nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from common import BUILD, ROOT, VENV, cache_home, content_hash, run, write_if_changed

CSRC = ROOT / "csrc"
GENERATED = BUILD / "generated"
APART = ("native", "tests", "fuzz")  # folders of csrc/ that are no part of the runtime
WARNINGS = ("-Wall", "-Wextra", "-Werror")
# The same bits from every build: nothing is contracted to FMA unless a kernel asks for it.
STANDARD = "-std=c++20"
COMMON = (STANDARD, "-fno-exceptions", "-fno-rtti", "-ffp-contract=off", *WARNINGS)
INCLUDES = ("-Icsrc", "-Ibuild/generated")
KEEP_SECONDS = 30 * 24 * 3600
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Compiler:
    """How to start a C++ compiler; the version is part of every cache key."""

    command: tuple[str, ...]
    version: str
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))


def generate() -> None:
    """Write the C++ that follows from the operator table into build/generated/."""
    run([VENV / "bin/python", "-m", "wasm_torch_web.codegen", "build/generated"])


def runtime_sources() -> list[Path]:
    """Every source that all builds share, generated ones included."""
    own = (p for p in CSRC.rglob("*.cc") if p.relative_to(CSRC).parts[0] not in APART)
    return sorted([*own, *GENERATED.rglob("*.cc")])


def compile_all(compiler: Compiler, flags: Sequence[str], sources: Sequence[Path]) -> list[Path]:
    """Objects in the order of the sources."""
    return in_parallel(lambda source: compile_one(compiler, flags, source), sources)


def in_parallel(action: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """As many at a time as there are cores: each waits for a program of its own."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        return list(pool.map(action, items))


def compile_one(compiler: Compiler, flags: Sequence[str], source: Path) -> Path:
    """The object of one source, from the cache if nothing it depends on has changed."""
    flags = (*COMMON, *flags, *INCLUDES)
    base = content_hash([compiler.version, *flags, source])
    listing = cache("objects", f"{base}.d")
    if listing.is_file():
        cached = _object(base, listing)
        if cached.is_file():
            os.utime(cached)
            os.utime(listing)
            return cached
    say(f"{Path(compiler.command[-1]).stem} {source.relative_to(ROOT)}")
    fresh = cache("objects", f"{base}.{os.getpid()}.o")
    command = [*compiler.command, *flags, "-c", str(source.relative_to(ROOT)), "-MMD"]
    run([*command, "-MF", f"{fresh}.d", "-o", fresh], quiet=True, env=compiler.env)
    write_if_changed(listing, Path(f"{fresh}.d").read_bytes())
    Path(f"{fresh}.d").unlink()
    return fresh.replace(_object(base, listing))


def say(what: str) -> None:
    """Progress, in one write with its line end, as compilers run side by side."""
    print(f"  {what}\n", end="", flush=True)


def _object(base: str, listing: Path) -> Path:
    # A make rule: "object: source header header \" and so on; our paths contain no blanks.
    words = listing.read_text().replace("\\\n", " ").partition(": ")[2].split()
    return cache("objects", f"{content_hash([base, *(ROOT / word for word in words)])}.o")


def cache(*parts: str) -> Path:
    """A path in the cache folder; the folder it lies in exists."""
    path = cache_home().joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def prune() -> None:
    """Forget results that nothing has asked for in a month."""
    for folder in ("objects", "links", "tidy"):
        for path in (cache_home() / folder).glob("*"):
            with suppress(FileNotFoundError):  # another build's, and already renamed
                if path.stat().st_mtime < time.time() - KEEP_SECONDS:
                    path.unlink()
