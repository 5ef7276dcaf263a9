"""What the shards hold in, what the weight segment is in memory out (docs/format.md).

The two are the same but for weights whose `storage` is float16: of those the shards have half the
bytes. Nothing here needs torch: the engine reads packages with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

UNIT = 128  # bytes in memory, of which a weight that is stored as float16 takes whole ones


@dataclass(frozen=True)
class Piece:
    """A part of the segment: where it begins in all shards and in memory, its bytes in shards."""

    stored: int
    place: int
    bytes: int
    half: bool


def extent(size: int) -> int:
    """Bytes of the segment that a weight of `size` bytes takes which is stored as float16."""
    return -(-size // UNIT) * UNIT


def pieces(weights: dict[str, Any]) -> list[Piece]:
    """The segment in its order; `bytes` is negative where weights overlap or lie beyond it."""
    found: list[Piece] = []
    stored = place = 0

    def until(end: int, half: bool) -> None:
        nonlocal stored, place
        if end != place:
            size = (end - place) // (2 if half else 1)
            found.append(Piece(stored, place, size, half))
            stored, place = stored + size, end

    for tensor in weights["tensors"]:
        if "storage" in tensor:
            until(tensor["offset"], half=False)
            until(tensor["offset"] + extent(tensor["bytes"]), half=True)
    until(weights["bytes"], half=False)
    return found


def placed(
    parts: Sequence[Piece], offset: int, block: bytes
) -> Iterator[tuple[int, NDArray[numpy.uint8]]]:
    """Where the bytes of the shards from `offset` on go in memory, and what they are there."""
    for part in parts:
        first = max(offset, part.stored)
        last = min(offset + len(block), part.stored + part.bytes)
        if first >= last:
            continue
        content = numpy.frombuffer(block, numpy.uint8)[first - offset : last - offset]
        if part.half:
            floats = content.view("<f2").astype("<f4")
            yield part.place + 2 * (first - part.stored), floats.view(numpy.uint8)
        else:
            yield part.place + first - part.stored, content


def read_segment(folder: Path, weights: dict[str, Any]) -> bytes:
    """The whole segment as it is in memory; hashes are not checked."""
    segment = numpy.zeros(weights["bytes"], numpy.uint8)
    parts, offset = pieces(weights), 0
    for shard in weights["shards"]:
        block = (folder / shard["file"]).read_bytes()
        for place, content in placed(parts, offset, block):
            segment[place : place + len(content)] = content
        offset += len(block)
    return segment.tobytes()
