"""A package folder in, its bytes out: on disk, and what a page downloads (Brotli) by kind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import brotli

from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.variants import VARIANTS

QUALITY = 5  # what servers use for files that they compress once


@dataclass(frozen=True)
class Footprint:
    """Bytes: the whole folder, and one visit of a page by kind, raw and compressed."""

    disk: int
    raw: dict[str, int]
    compressed: dict[str, int]

    @property
    def download(self) -> int:
        """Compressed bytes of one visit."""
        return sum(self.compressed.values())


def measure(folder: Path, manifest: Manifest) -> Footprint:
    """Measures a package; a visit takes the best runtime and no golden data."""
    kinds = {
        "weights": [shard["file"] for shard in manifest["weights"]["shards"]],
        "runtime": [f"runtime-{VARIANTS[0]}.wasm", "loader.js", "worker.js", "index.js"],
        "plan": [manifests.FILE, manifest["plan"]["file"]],
    }
    files = {kind: [folder / name for name in names] for kind, names in kinds.items()}
    return Footprint(
        disk=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        raw={kind: sum(path.stat().st_size for path in paths) for kind, paths in files.items()},
        compressed={kind: sum(map(compressed_bytes, paths)) for kind, paths in files.items()},
    )


def compressed_bytes(path: Path) -> int:
    """Bytes of a file after Brotli."""
    compressor = brotli.Compressor(quality=QUALITY)
    size = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size += len(compressor.process(block))
    return size + len(compressor.finish())
