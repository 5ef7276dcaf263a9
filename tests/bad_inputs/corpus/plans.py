"""plan.bin, cut or with one word changed; its hash in the manifest is right."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from wasm_torch_web.format.plan import HEADER_BYTES, SECTIONS

from .case import Case, with_plan

# As csrc/fuzz/words.h has them: the native build takes them all.
WORDS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x00200000, 0x7FF80000, 0x7FC00000, 0x43E00000)


def cases(package: Path, step: int) -> Iterator[Case]:
    """Every `step`-th word becomes the next of WORDS and of its neighbours; cut at as many."""
    plan = (package / "plan.bin").read_bytes()
    for turn, at in enumerate(_words(plan)[::step]):
        (word,) = struct.unpack_from("<I", plan, at)
        values = (*WORDS, (word + 1) & 0xFFFFFFFF, (word - 1) & 0xFFFFFFFF)
        value = values[turn % len(values)]
        changed = plan[:at] + struct.pack("<I", value) + plan[at + 4 :]
        name = f"{package.name} plan word {at // 4}: {word:#x} to {value:#x}"
        yield Case(name, package, with_plan(package, changed), same=False)
    for at in _words(plan)[:: 8 * step]:
        yield Case(f"{package.name} plan cut at {at}", package, with_plan(package, plan[:at]))


def _words(plan: bytes) -> list[int]:
    """Where the words lie, the padding among the strings aside."""
    table = HEADER_BYTES + 16 * len(SECTIONS)
    (strings,) = struct.unpack_from("<Q", plan, HEADER_BYTES + 16)
    return [*range(0, table, 4), *range(table + strings // 8 * 8 + 8, len(plan) - 3, 4)]
