"""Files that are cut, damaged, missing or of another package."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from .case import Case, Content, manifest_of, text_of, with_plan

CUT = 1 << 16


def cases(package: Path, others: list[Path]) -> Iterator[Case]:
    """Every file of the format, and those of other packages in its place."""
    for path in sorted(package.iterdir()):
        content = path.read_bytes()
        if path.name != "model.json":
            for at in range(0, len(content), CUT):
                yield _case(package, f"{path.name} cut at {at}", {path.name: content[:at]})
            yield _case(package, f"{path.name} longer", {path.name: content + b"\0"})
            for at in _flips(path.name, content):
                flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
                yield _case(package, f"{path.name} flipped at {at}", {path.name: flipped})
        yield _case(package, f"{path.name} missing", {path.name: None})
    for other in others:
        yield from _swapped(package, other)


def _swapped(package: Path, other: Path) -> Iterator[Case]:
    for name in ("model.json", "plan.bin", "weights-00.bin", "golden.bin"):
        what = f"{name} of {other.name}"
        yield _case(package, what, {name: (other / name).read_bytes()})
    plan = (other / "plan.bin").read_bytes()
    yield _case(package, f"plan of {other.name}, with its hash", with_plan(package, plan), False)
    manifest, others = manifest_of(package), manifest_of(other)
    manifest["weights"] = others["weights"]
    files: dict[str, Content] = {"model.json": text_of(manifest)}
    for shard in others["weights"]["shards"]:
        files[shard["file"]] = (other / shard["file"]).read_bytes()
    yield _case(package, f"weights of {other.name}, with their hashes", files, False)


def _flips(name: str, content: bytes) -> list[int]:
    """One in each section of a plan, one in each part of others."""
    if name == "plan.bin":
        sections = struct.unpack_from("<24Q", content, 24)
        return [0, 8, 16, 24, *(start for start in sections[::2] if start < len(content))]
    return [*range(0, len(content), CUT), len(content) - 1]


def _case(package: Path, what: str, files: dict[str, Content], same: bool = True) -> Case:
    return Case(f"{package.name} {what}", package, files, same)
