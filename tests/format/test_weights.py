"""The weight segment: shards and hashes of the bytes, panels, and the memory that writing takes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from wasm_torch_web.format import weights
from wasm_torch_web.format.manifest import MIN_ASSET_BYTES
from wasm_torch_web.format.weights import ALIGNMENT, Segment, Shards, panel8, raw
from wasm_torch_web.ir import Value

WRITER = Path(__file__).with_name("write_weights.py")


def constant(data: torch.Tensor) -> Value:
    return Value("w", data.dtype, tuple(data.shape), "constant", data)


@pytest.mark.parametrize("sizes", [[], [1], [4000], [4095, 1], [1, 500, 3000], [8192], [9000, 7]])
def test_shards_are_the_segment_cut_and_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: list[int]
) -> None:
    monkeypatch.setattr(weights, "SHARD_BYTES", 8192)
    monkeypatch.setattr(weights, "BLOCK_BYTES", 1024)
    tensors = [torch.full((size,), i + 1, dtype=torch.uint8) for i, size in enumerate(sizes)]
    shards = Shards(tmp_path)
    segment = Segment(shards)
    places = [segment.add(constant(tensor)) for tensor in [*tensors, *tensors]]
    described = shards.finish()
    files = [(tmp_path / entry["file"]).read_bytes() for entry in described["shards"]]
    whole = b"".join(files)
    assert len(whole) == described["bytes"] and len(whole) % ALIGNMENT == 0
    assert [len(file) for file in files] == [entry["bytes"] for entry in described["shards"]]
    assert all(len(file) == 8192 for file in files[:-1]) and len(files[-1]) >= MIN_ASSET_BYTES
    for (offset, size), tensor in zip(places, [*tensors, *tensors], strict=True):
        assert offset % ALIGNMENT == 0 and whole[offset : offset + size] == raw(tensor)
    assert len(segment.entries) == len(tensors)
    for file, entry in zip(files, described["shards"], strict=True):
        blocks = [file[start : start + 1024] for start in range(0, len(file), 1024)]
        assert entry["sha256"] == [hashlib.sha256(block).hexdigest() for block in blocks]


@pytest.mark.parametrize(("n", "groups"), [(1, 1), (8, 1), (17, 1), (16, 2), (30, 3)])
def test_panels_hold_eight_rows_side_by_side(n: int, groups: int) -> None:
    matrix = torch.arange(n * 6.0).reshape(n, 2, 3)
    panels = panel8(matrix, groups)
    rows = panels.transpose(2, 3).reshape(groups, -1, 2, 3)
    assert torch.equal(rows[:, : n // groups].reshape(n, 2, 3), matrix)
    assert not rows[:, n // groups :].any()


def test_writing_costs_about_one_tensor() -> None:
    """Of 400 MB of weights in 4 matrices, in a process of its own: peaks are per process."""
    command = [sys.executable, str(WRITER)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    growth, largest = map(int, done.stdout.split())
    assert growth < 1.3 * largest, f"{growth / 2**20:.0f} MiB"
