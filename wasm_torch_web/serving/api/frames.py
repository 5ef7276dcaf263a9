"""A head of JSON and blocks of bytes in, one frame on a pipe out, and back.

u32 length of the head, u64 length of all blocks, the head, the blocks one after another; the head's
`sizes` says where each ends. Both ends are this program: nothing here is checked twice.
"""

from __future__ import annotations

import json
import struct
from asyncio import StreamReader
from collections.abc import Sequence
from typing import IO, Any

PREFIX = struct.Struct("<IQ")
Block = bytes | bytearray | memoryview
Frame = tuple[dict[str, Any], list[memoryview]]


def parts(head: dict[str, Any], blocks: Sequence[Block] = ()) -> list[Block]:
    """What to write, in order; blocks are not copied."""
    sizes = [memoryview(block).nbytes for block in blocks]
    text = json.dumps({**head, "sizes": sizes}).encode()
    return [PREFIX.pack(len(text), sum(sizes)), text, *blocks]


def read(stream: IO[bytes]) -> Frame | None:
    """The next frame; none where the stream has ended."""
    prefix = stream.read(PREFIX.size)
    if len(prefix) < PREFIX.size:
        return None
    length, size = PREFIX.unpack(prefix)
    content = stream.read(length + size)
    return _split(content, length) if len(content) == length + size else None


async def receive(stream: StreamReader) -> Frame:
    """The next frame. Raises asyncio.IncompleteReadError where the stream ends."""
    length, size = PREFIX.unpack(await stream.readexactly(PREFIX.size))
    return _split(await stream.readexactly(length + size), length)


def _split(content: bytes, length: int) -> Frame:
    head = json.loads(content[:length])
    body, blocks, start = memoryview(content)[length:], [], 0
    for size in head["sizes"]:
        blocks.append(body[start : start + size])
        start += size
    return head, blocks
