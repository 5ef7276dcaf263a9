"""A simplified graph in, the bytes of its weights' files out, without the files."""

from __future__ import annotations

from wasm_torch_web import passes
from wasm_torch_web.copying import copied
from wasm_torch_web.format.manifest import padding
from wasm_torch_web.format.weights import (
    ALIGNMENT,
    NARROWED_BYTES,
    SHARD_BYTES,
    Segment,
    is_half,
)
from wasm_torch_web.format.writer import plan_of
from wasm_torch_web.ir import Graph
from wasm_torch_web.quantize.way import constants


class _Nowhere:
    """A sink that keeps nothing."""

    def write(self, content: bytes | memoryview, /) -> object:
        """Nothing."""


def stored_bytes(graph: Graph) -> int:
    """Of all shards together, as `format.writer` writes them."""
    arranged = copied(graph)
    passes.run(arranged, passes.ARRANGE)
    segment = Segment(_Nowhere(), narrows=True)
    plan_of(arranged, segment).finish()
    size = segment.size - segment.saved
    size += -size % ALIGNMENT
    return size + (padding(size % SHARD_BYTES) if size % SHARD_BYTES or not size else 0)


def plain_bytes(graph: Graph) -> dict[str, int]:
    """Name of a constant -> its bytes in the files, where nothing is asked for."""
    found = {}
    for value in constants(graph):
        if value.data is not None:
            size = value.data.nbytes
            narrow = size >= NARROWED_BYTES and is_half(value.data)
            found[value.name] = size // 2 if narrow else size
    return found
