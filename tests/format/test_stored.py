"""What float16 holds exactly takes half the bytes in the shards, and is float32 again in memory."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch

from wasm_torch_web.format import weights
from wasm_torch_web.format.stored import pieces, placed, read_segment
from wasm_torch_web.format.weights import Segment, Shards, is_half
from wasm_torch_web.ir import Value


def constant(index: int, data: torch.Tensor, groups: int = 0) -> Value:
    kind = "constant"
    return Value(f"w{index}", data.dtype, tuple(data.shape), kind, data, groups=groups)


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


TENSORS = (
    random(3),
    random(1024).half().float(),
    random(40, 33).half().float(),  # panels of 8 rows
    random(5000),
    torch.full((2, 1025), -0.0),
    torch.arange(3000),
    random(70, 41).half().float(),
    torch.tensor([float("inf"), float("-inf"), 2.0**-24, 65504.0] * 256),
    random(1025),
)


def written(folder: Path) -> tuple[dict[str, Any], bytes]:
    """TENSORS in shards of 8 KiB; the segment as it would be without them."""
    plain = io.BytesIO()
    whole, shards = Segment(plain), Shards(folder)
    segment = Segment(shards, narrows=True)
    for index, data in enumerate(TENSORS):
        value = constant(index, data, groups=1 if index == 2 else 0)
        whole.add(value)
        segment.add(value)
    described = shards.finish() | {"tensors": segment.entries}
    described["bytes"] += segment.saved
    return described, plain.getvalue()


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "SHARD_BYTES", 8192)
    monkeypatch.setattr(weights, "BLOCK_BYTES", 1024)


def test_the_segment_in_memory_is_the_same(tmp_path: Path) -> None:
    described, whole = written(tmp_path)
    halves = {entry["name"] for entry in described["tensors"] if "storage" in entry}
    assert halves == {"w1", "w2", "w4", "w6", "w7"}
    memory = read_segment(tmp_path, described)
    assert len(memory) == described["bytes"]
    stored = sum(shard["bytes"] for shard in described["shards"])
    assert stored < described["bytes"] - sum(t.numel() for t in (TENSORS[1], TENSORS[6])) * 2
    plain = iter(_tensors(whole))
    for entry in described["tensors"]:
        assert entry["offset"] % 64 == 0
        content = memory[entry["offset"] : entry["offset"] + entry["bytes"]]
        assert content == next(plain), entry["name"]


def _tensors(whole: bytes) -> list[bytes]:
    segment = Segment(io.BytesIO())
    for index, data in enumerate(TENSORS):
        segment.add(constant(index, data, groups=1 if index == 2 else 0))
    return [whole[e["offset"] : e["offset"] + e["bytes"]] for e in segment.entries]


@pytest.mark.parametrize("size", [64, 192, 1024, 4096, 1 << 20])
def test_blocks_of_any_size_go_to_the_same_place(tmp_path: Path, size: int) -> None:
    described, _ = written(tmp_path)
    shards = b"".join((tmp_path / s["file"]).read_bytes() for s in described["shards"])
    memory = bytearray(described["bytes"])
    for offset in range(0, len(shards), size):
        for place, content in placed(pieces(described), offset, shards[offset : offset + size]):
            memory[place : place + len(content)] = content.tobytes()
    assert bytes(memory) == read_segment(tmp_path, described)


def test_what_float16_cannot_hold_stays() -> None:
    assert is_half(torch.tensor([0.0, -0.0, 1.0, 2.0**-24, float("inf")]))
    for value in (0.1, 65520.0, 2.0**-25, float("nan")):
        long = torch.zeros(70_000)
        long[-1] = value
        assert not is_half(long), value
    assert not is_half(torch.ones(3, dtype=torch.float64))
