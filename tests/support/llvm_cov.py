"""Profiles of the scalar build in, the lines and branches of csrc/ that ran out."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import toolchain

CSRC = "csrc/"
# For LLVM_PROFILE_FILE: all processes count in one file, and need not come to their end.
SHARED_PROFILE = "%m%c.profraw"


@dataclass
class File:
    """How often each of its lines ran, and each branch: (line, times)."""

    lines: dict[int, int] = field(default_factory=dict)
    branches: list[tuple[int, int]] = field(default_factory=list)

    @property
    def missing(self) -> list[int]:
        """Lines that never ran."""
        return [line for line, times in self.lines.items() if not times]


def files(library: Path, profiles: Iterable[Path], folder: Path) -> dict[str, File]:
    """By name, from csrc/ on. Writes into `folder`."""
    merged = folder / "merged.profdata"
    profdata, cov = toolchain.clang("llvm-profdata"), toolchain.clang("llvm-cov")
    subprocess.run([profdata, "merge", "-o", merged, *profiles], check=True)
    command = [cov, "export", "-format=lcov", library, f"-instr-profile={merged}"]
    exported = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(_read(exported.stdout.splitlines()))


def _read(lcov: Iterable[str]) -> Iterator[tuple[str, File]]:
    """SF: a file, DA: one of its lines, BRDA: a branch."""
    for record in lcov:
        kind, _, text = record.partition(":")
        if kind == "SF":
            # A cached object names its source where it was compiled, which may be another checkout.
            found, name = File(), text[text.rfind(CSRC) :]
            if CSRC in text:
                yield name, found
        elif kind == "DA":
            line, times = text.split(",")
            found.lines[int(line)] = int(times)
        elif kind == "BRDA":
            line, *_, times = text.split(",")
            found.branches.append((int(line), 0 if times == "-" else int(times)))
