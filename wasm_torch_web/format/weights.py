"""The weight segment: constants in execution order in, flat shards with hashes out."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wasm_torch_web.format.manifest import MIN_ASSET_BYTES
from wasm_torch_web.ir import Value
from wasm_torch_web.ops.table import dtype_name

ALIGNMENT = 64
BLOCK_BYTES = 4 << 20  # what is hashed at a time
SHARD_BYTES = 24 << 20  # under the 25 MiB that hosts such as Cloudflare Pages allow for a file


def panel8(matrix: torch.Tensor, groups: int) -> torch.Tensor:
    """(N, ...) packed for the matrix kernels: [groups][ceil(N / groups / 8)][K][8] float32.

    K is the product of the axes after the first; rows are padded with zeros to a multiple of 8 in
    each group.
    """
    n, k = matrix.shape[0] // groups, matrix[0].numel()
    padded = torch.zeros(groups, (n + 7) // 8 * 8, k, dtype=matrix.dtype)
    padded[:, :n] = matrix.reshape(groups, n, k)
    panels = padded.reshape(groups, -1, 8, k).transpose(2, 3)
    return panels.contiguous()


def raw(data: torch.Tensor) -> bytes:
    """The elements as little-endian bytes in logical order."""
    flat = data.detach().cpu().contiguous().reshape(-1)
    if flat.numel() == 0:
        return b""
    return flat.view(torch.uint8).numpy().tobytes()


@dataclass
class Segment:
    """The weight segment being filled; equal contents are stored once."""

    data: io.BytesIO = field(default_factory=io.BytesIO)
    entries: list[dict[str, Any]] = field(default_factory=list)
    places: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def add(self, value: Value) -> tuple[int, int]:
        """Stores a constant (or a state's initial contents); gives its offset and size in bytes."""
        assert value.data is not None
        stored = panel8(value.data, value.groups) if value.groups else value.data
        content = raw(stored)
        key = hashlib.sha256(content).digest() + len(content).to_bytes(8, "little")
        if key not in self.places:
            self.data.seek(0, io.SEEK_END)
            self.data.write(b"\0" * (-self.data.tell() % ALIGNMENT))
            self.places[key] = (self.data.tell(), len(content))
            self.data.write(content)
            self.entries.append(self._entry(value, *self.places[key]))
        return self.places[key]

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
            entry["stored"] = [shape[0], int(np.prod(shape[1:]))]
        return entry

    @property
    def size(self) -> int:
        """Bytes so far, rounded up to the alignment."""
        return (self.data.getbuffer().nbytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT

    def write(self, folder: Path) -> dict[str, Any]:
        """Writes the shards; gives the manifest's `weights`. A model has at least one shard."""
        total = self.size
        if total % SHARD_BYTES < MIN_ASSET_BYTES:  # the last shard, or the only one
            total += MIN_ASSET_BYTES
        content = np.zeros(total, dtype=np.uint8)
        buffer = self.data.getbuffer()
        content[: buffer.nbytes] = np.frombuffer(buffer, dtype=np.uint8)
        shards = []
        for index, start in enumerate(range(0, total, SHARD_BYTES)):
            part = content[start : start + SHARD_BYTES].tobytes()
            name = f"weights-{index:02d}.bin"
            (folder / name).write_bytes(part)
            shards.append({"file": name, "bytes": len(part), "sha256": block_hashes(part)})
        return {
            "bytes": total,
            "blockBytes": BLOCK_BYTES,
            "shards": shards,
            "tensors": self.entries,
        }


def block_hashes(content: bytes) -> list[str]:
    """SHA-256 of each block."""
    starts = range(0, max(len(content), 1), BLOCK_BYTES)
    return [hashlib.sha256(content[start : start + BLOCK_BYTES]).hexdigest() for start in starts]
