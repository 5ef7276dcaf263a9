"""Every static check, all of them run even when one fails; `make lint` calls this."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import toolchain
from build_native import DEFINES
from common import ROOT, VENV, Command, content_hash
from compile import CSRC, INCLUDES, STANDARD, cache, generate, in_parallel

BIN = VENV / "bin"
MEASURED = ("wasm_torch_web", "scripts", "bench")  # what runs elsewhere than in tests


def main() -> None:
    generate()
    checks: dict[str, Callable[[], bool]] = {
        "ruff check": lambda: passes([BIN / "ruff", "check", "-q", "."]),
        "ruff format": lambda: passes([BIN / "ruff", "format", "-q", "--check", "."]),
        "mypy": lambda: passes([BIN / "mypy"]),
        "bandit": lambda: passes(
            [BIN / "bandit", "-q", "-ll", "-x", "*/.venv/*,*/node_modules/*", "-r", *MEASURED]
        ),
        "tsc": lambda: passes(["npm", "run", "--silent", "typecheck"]),
        "prettier": lambda: passes(["npm", "run", "--silent", "format:check"]),
        "clang-format": clang_format,
        "clang-tidy": clang_tidy,
    }
    failed = [name for name, check in checks.items() if not timed(name, check)]
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def clang_format() -> bool:
    files = sorted([*CSRC.rglob("*.h"), *CSRC.rglob("*.cc")])
    return passes([BIN / "clang-format", "--dry-run", "-Werror", *files])


def clang_tidy() -> bool:
    """As the native build sees the sources, which is all of them but the wasm-only ones."""
    tidy = toolchain.clang("clang-tidy") or sys.exit("no clang-tidy found: run make setup")
    flags = ["--", STANDARD, *DEFINES, *INCLUDES]
    settings = content_hash([ROOT / ".clang-tidy", str(tidy), *flags, *sorted(CSRC.rglob("*.h"))])
    sources = [s for s in CSRC.rglob("*.cc") if not s.name.endswith(("_threads.cc", "_single.cc"))]

    def clean(source: Path) -> bool:
        """Two seconds each: what was clean once is not looked at again."""
        known = cache("tidy", content_hash([settings, source]))
        if not known.is_file() and passes([tidy, "--quiet", source, *flags]):
            known.touch()
        return known.is_file()

    return all(in_parallel(clean, sources))


def passes(command: Command) -> bool:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:  # what tools say about a success is noise
        sys.stdout.write((done.stdout + done.stderr).decode(errors="replace"))
    return done.returncode == 0


def timed(name: str, check: Callable[[], bool]) -> bool:
    start = time.monotonic()
    good = check()
    print(f"{name}: {'ok' if good else 'failed'}, {time.monotonic() - start:.1f} s", flush=True)
    return good


if __name__ == "__main__":
    main()
