"""Shapes of attention, recurrent layers and matrix products to time."""

from __future__ import annotations

from bench.kernels.case import Case

MASKS = {"": 0, "bool mask": 1, "float mask": 2, "causal": 3}
FLOAT32, FLOAT64, INT64 = 0, 1, 4


def attention(
    heads: int,
    queries: int,
    keys: int,
    depth: int,
    mask: str = "",
    key_heads: int = 0,
    joint: bool = False,
) -> Case:
    """Products only, without the softmax, and with those that a causal mask hides."""
    label = f"{heads} heads, {queries} x {keys} x {depth}"
    label += f", {key_heads} key heads" if key_heads else ""
    label += f", {mask}" if mask else ""
    label += ", joint QKV" if joint else ""
    sizes = (heads, key_heads or heads, queries, keys, depth, MASKS[mask], int(joint))
    flops = 4 * heads * queries * keys * depth
    return Case("attention", label, "bench_attention", sizes, flops)


def recurrent(kind: str, gates: int, time: int, batch: int, hidden: int, directions: int) -> Case:
    """One layer, without the product of its inputs and weights."""
    label = f"{time} steps, batch {batch}, hidden {hidden}"
    label += ", both directions" if directions == 2 else ""
    flops = 2 * time * batch * directions * gates * hidden**2
    return Case(kind, label, f"bench_{kind}", (time, batch, hidden, directions), flops)


def lstm(time: int, batch: int, hidden: int, directions: int = 1) -> Case:
    return recurrent("lstm", 4, time, batch, hidden, directions)


def gru(time: int, batch: int, hidden: int, directions: int = 1) -> Case:
    return recurrent("gru", 3, time, batch, hidden, directions)


def matmul(
    batch: int,
    m: int,
    n: int,
    k: int,
    transposed: bool = False,
    shared: bool = False,
    dtype: int = FLOAT32,
) -> Case:
    """`transposed`: the right side in memory; `shared`: one right side for the whole batch."""
    label = f"{batch} x ({m} x {n} x {k})"
    label += ", transposed" if transposed else ""
    label += ", shared" if shared else ""
    label += {FLOAT32: "", FLOAT64: ", float64", INT64: ", int64"}[dtype]
    sizes = (batch, m, n, k, int(transposed), int(shared), dtype)
    return Case("matmul", label, "bench_matmul", sizes, 2 * batch * m * n * k)


SEQUENCES = (
    attention(12, 128, 128, 32),
    attention(12, 128, 128, 32, joint=True),
    attention(12, 128, 128, 32, "bool mask"),
    attention(12, 128, 128, 32, "float mask"),
    attention(3, 197, 197, 64),
    attention(3, 197, 197, 64, joint=True),
    attention(6, 1500, 1500, 64),
    attention(12, 64, 64, 64, "causal"),
    attention(12, 512, 512, 64, "causal"),
    attention(8, 256, 256, 40),
    attention(4, 256, 256, 16),
    attention(8, 256, 77, 80),
    attention(12, 1, 128, 64),
    attention(12, 1, 1024, 64),
    attention(12, 1, 4096, 64),
    attention(12, 4, 1024, 64),
    attention(12, 8, 1024, 64),
    attention(32, 1, 1024, 64, key_heads=4),
    lstm(16, 1, 128),
    lstm(16, 1, 256),
    lstm(16, 1, 512),
    lstm(16, 4, 256),
    lstm(16, 16, 256),
    lstm(16, 1, 256, 2),
    gru(16, 1, 256),
    gru(16, 8, 256),
    matmul(256, 8, 8, 8),
    matmul(64, 16, 16, 16),
    matmul(64, 32, 32, 32),
    matmul(16, 64, 64, 64),
    matmul(12, 128, 128, 32, transposed=True),
    matmul(12, 128, 32, 128),
    matmul(12, 1, 1024, 64, transposed=True),
    matmul(12, 1, 64, 1024),
    matmul(1, 1, 768, 768),
    matmul(1, 1, 768, 768, transposed=True),
    matmul(8, 64, 128, 64, shared=True),
    matmul(1, 512, 512, 512),
    matmul(1, 64, 64, 64, dtype=FLOAT64),
    matmul(1, 64, 64, 64, dtype=INT64),
)
