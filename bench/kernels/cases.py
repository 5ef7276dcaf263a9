"""Shapes to time, and the floating point operations of each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One call of an exported function of bench.cc; `flops` counts a multiply-add as two."""

    group: str
    label: str
    function: str
    sizes: tuple[int, ...]
    flops: int


def linear(m: int, n: int, k: int) -> Case:
    """(m, k) times packed weights (n, k)."""
    return Case("GEMM", f"{m} x {n} x {k}", "bench_linear", (m, n, k), 2 * m * n * k)


def conv2d(size: int, channels: int, out: int, kernel: int, stride: int, padding: int) -> Case:
    """A square image; relu at the end."""
    pixels = ((size + 2 * padding - kernel) // stride + 1) ** 2
    label = f"{size}² x {channels} → {out}, {kernel}² / {stride}"
    sizes = (size, channels, out, kernel, stride, padding)
    return Case("conv2d", label, "bench_conv2d", sizes, 2 * pixels * out * channels * kernel**2)


def depthwise(size: int, channels: int, kernel: int, stride: int) -> Case:
    """A square image padded by half the kernel; relu at the end."""
    pixels = ((size + 2 * (kernel // 2) - kernel) // stride + 1) ** 2
    label = f"{size}² x {channels}, {kernel}² / {stride}"
    sizes = (size, channels, kernel, stride)
    return Case("depthwise", label, "bench_depthwise", sizes, 2 * pixels * channels * kernel**2)


def attention(heads: int, length: int, depth: int) -> Case:
    """Self-attention; the softmax is not counted."""
    label = f"{heads} heads, {length} x {depth}"
    sizes = (heads, length, depth)
    return Case("attention", label, "bench_attention", sizes, 4 * heads * length**2 * depth)


CASES = (
    linear(512, 512, 512),
    linear(196, 512, 4608),
    linear(3136, 64, 576),
    linear(784, 128, 1152),
    linear(49, 2048, 512),
    linear(1500, 384, 1536),
    linear(128, 384, 384),
    linear(128, 1536, 384),
    linear(64, 50257, 768),
    conv2d(56, 64, 64, 3, 1, 1),
    conv2d(28, 128, 128, 3, 1, 1),
    conv2d(14, 256, 256, 3, 1, 1),
    conv2d(7, 512, 512, 3, 1, 1),
    conv2d(224, 3, 32, 3, 2, 1),
    conv2d(224, 3, 64, 7, 2, 3),
    conv2d(224, 3, 192, 16, 16, 0),
    conv2d(112, 16, 96, 1, 1, 0),
    conv2d(56, 24, 144, 1, 1, 0),
    conv2d(14, 96, 576, 1, 1, 0),
    depthwise(112, 32, 3, 1),
    depthwise(112, 96, 3, 2),
    depthwise(56, 144, 3, 1),
    depthwise(7, 960, 3, 1),
    depthwise(28, 240, 5, 1),
    depthwise(14, 480, 5, 1),
    depthwise(56, 96, 7, 1),
    depthwise(14, 384, 7, 1),
    attention(12, 128, 32),
    attention(3, 197, 64),
    attention(6, 1500, 64),
)
