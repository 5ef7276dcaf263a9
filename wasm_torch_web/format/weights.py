"""The weight segment: constants in execution order in, flat shards with hashes out.

What float16 holds exactly is stored so, where there is enough of it: half the download.
"""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import torch

from wasm_torch_web.format.manifest import padding
from wasm_torch_web.format.stored import extent
from wasm_torch_web.ir import Value
from wasm_torch_web.ops.table import dtype_name

ALIGNMENT = 64
BLOCK_BYTES = 1 << 19  # what is hashed at a time, and a buffer of the loader: stays in cache
NARROWED_BYTES = 4096  # smaller weights stay as they are in memory
SHARD_BYTES = 24 << 20  # under the 25 MiB that hosts such as Cloudflare Pages allow for a file


_LOOK = 1 << 16  # elements at a time: most weights are told by the first ones


def panel8(matrix: torch.Tensor, groups: int) -> torch.Tensor:
    """(N, ...) packed for the matrix kernels: [groups][ceil(N / groups / 8)][K][8] float32.

    K is the product of the axes after the first; rows are padded with zeros to a multiple of 8 in
    each group.
    """
    n, k = matrix.shape[0] // groups, matrix[0].numel()
    rows, whole, rest = matrix.reshape(groups, n, k), n // 8, n % 8
    panels = torch.zeros(groups, (n + 7) // 8, k, 8, dtype=matrix.dtype)
    panels[:, :whole] = rows[:, : n - rest].reshape(groups, whole, 8, k).transpose(2, 3)
    if rest:
        panels[:, whole, :, :rest] = rows[:, n - rest :].transpose(1, 2)
    return panels


def raw(data: torch.Tensor) -> bytes:
    """The elements as little-endian bytes in logical order."""
    return bytes(_view(data))


def _view(data: torch.Tensor) -> memoryview:
    """The same without a copy, where they lie in that order."""
    data = data.detach().cpu().contiguous()
    flat = data.as_strided((data.numel(),), (1,))  # one element may have any stride
    return flat.view(torch.uint8).numpy().data if flat.numel() else memoryview(b"")


def is_half(data: torch.Tensor) -> bool:
    """Whether all elements are float32 and the same as float16; NaN is not."""
    if data.dtype != torch.float32:
        return False
    flat = data.detach().reshape(-1)
    parts = (flat[first : first + _LOOK] for first in range(0, flat.numel(), _LOOK))
    return all(torch.equal(part, part.half().float()) for part in parts)


class Sink(Protocol):
    """Where a segment's bytes go: `Shards`, or an `io.BytesIO`."""

    def write(self, content: bytes | memoryview, /) -> object:
        """Appends."""


@dataclass
class Segment:
    """The weight segment, which goes to `sink` tensor by tensor; equal contents are stored once.

    Attributes:
        narrows: whether `sink` gets as float16 what that holds exactly.
        size: bytes in memory.
        saved: how many of them the sink did not get.
    """

    sink: Sink
    narrows: bool = False
    size: int = 0
    saved: int = 0
    entries: list[dict[str, Any]] = field(default_factory=list)
    places: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def add(self, value: Value) -> tuple[int, int]:
        """Stores a constant (or a state's initial contents); gives its offset and size in bytes."""
        assert value.data is not None
        content = _view(panel8(value.data, value.groups) if value.groups else value.data)
        key = hashlib.sha256(content).digest() + len(content).to_bytes(8, "little")
        if key not in self.places:
            self._write(bytes(-self.size % ALIGNMENT))
            self.places[key] = (self.size, len(content))
            entry = self._entry(value, *self.places[key])
            if self.narrows and len(content) >= NARROWED_BYTES and is_half(value.data):
                entry["storage"] = "float16"
                self._write_halves(content)
            else:
                self._write(content)
            self.entries.append(entry)
        return self.places[key]

    def _write(self, content: bytes | memoryview) -> None:
        self.sink.write(content)
        self.size += len(content)

    def _write_halves(self, content: memoryview) -> None:
        """float32 elements as float16, and zeros to the end of their extent."""
        floats = torch.frombuffer(content, dtype=torch.float32)
        for first in range(0, floats.numel(), _LOOK):
            self.sink.write(_view(floats[first : first + _LOOK].half()))
        room = extent(len(content))
        self.sink.write(bytes((room - len(content)) // 2))
        self.size += room
        self.saved += room // 2

    @staticmethod
    def _entry(value: Value, offset: int, size: int) -> dict[str, Any]:
        shape = [int(n) for n in value.shape]
        entry = {
            "name": value.name,
            "dtype": dtype_name(value.dtype),
            "shape": shape,
            "layout": "panel8" if value.groups else "plain",
            "offset": offset,
            "bytes": size,
        }
        if value.groups:
            entry["stored"] = [shape[0], math.prod(shape[1:])]
        return entry


class Shards:
    """The files weights-00.bin, weights-01.bin ... of a folder, hashed while they are written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] = io.BytesIO()  # that is being written
        self._shards: list[dict[str, Any]] = []
        self._size = 0

    def write(self, content: bytes | memoryview) -> None:
        """Appends."""
        rest = memoryview(content)
        while rest:
            if self._size % SHARD_BYTES == 0:
                self._next_file()
            shard = self._shards[-1]
            if self._size % BLOCK_BYTES == 0:
                shard["sha256"].append(hashlib.sha256())
            room = BLOCK_BYTES - self._size % BLOCK_BYTES
            part, rest = rest[:room], rest[room:]
            shard["sha256"][-1].update(part)
            shard["bytes"] += self._file.write(part)
            self._size += len(part)

    def finish(self) -> dict[str, Any]:
        """Ends the last file, of which there is at least one; gives the manifest's `weights`."""
        self.write(bytes(-self._size % ALIGNMENT))
        if self._size % SHARD_BYTES or not self._size:
            self.write(bytes(padding(self._size % SHARD_BYTES)))
        self.close()
        for shard in self._shards:
            shard["sha256"] = [block.hexdigest() for block in shard["sha256"]]
        return {"bytes": self._size, "blockBytes": BLOCK_BYTES, "shards": self._shards}

    def close(self) -> None:
        """Closes the file that is being written."""
        self._file.close()

    def _next_file(self) -> None:
        self.close()
        name = f"weights-{len(self._shards):02d}.bin"
        self._file = (self._folder / name).open("wb")
        self._shards.append({"file": name, "bytes": 0, "sha256": []})
