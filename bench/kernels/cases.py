"""Shapes to time, and the floating point operations of each."""

from __future__ import annotations

from collections.abc import Iterator

from bench.kernels.case import Case
from bench.kernels.sequences import SEQUENCES


def linear(m: int, n: int, k: int) -> Case:
    """(m, k) times packed weights (n, k)."""
    return Case("GEMM", f"{m} x {n} x {k}", "bench_linear", (m, n, k), 2 * m * n * k)


def integers(m: int, n: int, k: int) -> Iterator[Case]:
    """The same in float32 and with weights of 8 and 4 bits; their operations count as if floats."""
    yield linear(m, n, k)
    for group, row in (("int8", "quantized_linear"), ("int4", "int4_linear")):
        yield Case(group, f"{m} x {n} x {k}", f"bench_{row}", (m, n, k), 2 * m * n * k)


def conv2d(
    size: int, channels: int, out: int, kernel: int, stride: int, padding: int, groups: int = 1
) -> Case:
    """A square image, NCHW where it has few channels; relu at the end."""
    pixels = ((size + 2 * padding - kernel) // stride + 1) ** 2
    label = f"{size}² x {channels} → {out}, {kernel}² / {stride}"
    if groups > 1:
        label += f", {groups} groups"
    sizes = (size, channels, out, kernel, stride, padding, groups)
    flops = 2 * pixels * out * channels // groups * kernel**2
    return Case("conv2d", label, "bench_conv2d", sizes, flops)


def bytes_conv2d(
    size: int, channels: int, out: int, kernel: int, stride: int, padding: int
) -> Iterator[Case]:
    """The same in float32, on bytes, and on floats that become bytes: pixel by pixel where the
    kernel is 1 x 1."""
    one = conv2d(size, channels, out, kernel, stride, padding)
    yield one
    yield Case("static", one.label, "bench_static_conv2d", one.sizes[:-1], one.flops)
    if kernel == 1:
        rows = (size**2, out, channels)
        yield Case("dynamic", one.label, "bench_quantized_linear", rows, one.flops)
    else:
        yield Case("dynamic", one.label, "bench_quantized_conv2d", one.sizes[:-1], one.flops)


def winograd(size: int, channels: int, out: int, tile: int) -> Case:
    """A square image, 3 x 3; `flops` are those of the direct convolution."""
    label = f"{size}² x {channels} → {out}, F({tile}²)"
    flops = 2 * size**2 * out * channels * 9
    return Case("winograd", label, "bench_winograd", (size, channels, out, tile), flops)


def winograd_weight(channels: int, out: int, tile: int) -> Case:
    """Weights for `winograd`; the transform multiplies G g, then (G g) Gt."""
    label = f"weights {channels} → {out}, F({tile}²)"
    flops = 2 * channels * out * 3 * ((tile + 2) * 3 + (tile + 2) ** 2)
    return Case("winograd", label, "bench_winograd_weight", (channels, out, tile), flops)


def conv_transpose2d(size: int, channels: int, out: int, kernel: int, stride: int) -> Case:
    """A square image to one `stride` times as large."""
    label = f"{size}² x {channels} → {out}, {kernel}² / {stride}"
    sizes = (size, channels, out, kernel, stride)
    flops = 2 * size**2 * channels * out * kernel**2
    return Case("conv_transpose", label, "bench_conv_transpose2d", sizes, flops)


def bytes_depthwise(size: int, channels: int, kernel: int, stride: int) -> Iterator[Case]:
    """The same in float32 and on bytes."""
    one = depthwise(size, channels, kernel, stride)
    yield one
    yield Case("static depthwise", one.label, "bench_static_depthwise", one.sizes[:-1], one.flops)


def depthwise(size: int, channels: int, kernel: int, stride: int, dilation: int = 1) -> Case:
    """A square image padded to keep its size (odd kernels, stride 1); relu at the end."""
    pixels = ((size - 1) // stride + 1) ** 2
    label = f"{size}² x {channels}, {kernel}² / {stride}"
    if dilation > 1:
        label += f", dilation {dilation}"
    sizes = (size, channels, kernel, stride, dilation)
    return Case("depthwise", label, "bench_depthwise", sizes, 2 * pixels * channels * kernel**2)


CASES = (
    linear(512, 512, 512),
    linear(196, 512, 4608),
    linear(3136, 64, 576),
    linear(784, 128, 1152),
    linear(49, 2048, 512),
    linear(1500, 384, 1536),
    linear(128, 384, 384),
    linear(128, 1536, 384),
    linear(64, 3072, 768),
    linear(64, 768, 3072),
    linear(64, 50257, 768),
    *(linear(m, n, k) for n, k in ((3072, 768), (50257, 768)) for m in (1, 2, 3, 4, 5)),
    linear(1, 768, 3072),
    linear(1, 1000, 2048),
    linear(197, 21, 192),
    *(case for m in (1, 4, 6, 16, 128) for case in integers(m, 4096, 1024)),
    *integers(1, 16384, 4096),
    *bytes_conv2d(56, 64, 64, 3, 1, 1),
    conv2d(28, 128, 128, 3, 1, 1),
    *bytes_conv2d(14, 256, 256, 3, 1, 1),
    conv2d(7, 512, 512, 3, 1, 1),
    *bytes_conv2d(224, 3, 32, 3, 2, 1),
    *bytes_conv2d(224, 3, 64, 7, 2, 3),
    conv2d(224, 3, 192, 16, 16, 0),
    *bytes_conv2d(112, 16, 96, 1, 1, 0),
    *bytes_conv2d(56, 24, 144, 1, 1, 0),
    *bytes_conv2d(112, 32, 16, 1, 1, 0),
    *bytes_conv2d(14, 96, 576, 1, 1, 0),
    *bytes_conv2d(7, 960, 160, 1, 1, 0),
    conv2d(28, 240, 40, 1, 1, 0),
    conv2d(14, 200, 100, 1, 1, 0),
    conv2d(56, 256, 512, 1, 2, 0),
    *bytes_conv2d(28, 256, 256, 1, 1, 0),
    *bytes_conv2d(56, 128, 128, 3, 2, 1),
    conv2d(56, 128, 128, 3, 1, 1, 32),
    conv2d(28, 256, 256, 3, 1, 1, 32),
    conv2d(14, 512, 512, 3, 1, 1, 32),
    conv2d(56, 48, 48, 3, 1, 1, 2),
    winograd(56, 64, 64, 4),
    winograd(28, 128, 128, 4),
    winograd(14, 256, 256, 4),
    winograd(7, 512, 512, 4),
    winograd(7, 512, 512, 2),
    winograd(56, 16, 16, 4),
    winograd(28, 8, 8, 4),
    winograd_weight(64, 64, 4),
    winograd_weight(512, 512, 4),
    conv_transpose2d(28, 128, 64, 2, 2),
    conv_transpose2d(56, 64, 32, 2, 2),
    conv_transpose2d(14, 256, 128, 4, 2),
    conv_transpose2d(112, 32, 16, 4, 2),
    conv_transpose2d(56, 64, 3, 4, 2),
    depthwise(112, 32, 3, 1),
    *bytes_depthwise(112, 96, 3, 2),
    *bytes_depthwise(56, 144, 3, 1),
    *bytes_depthwise(14, 576, 3, 1),
    depthwise(7, 960, 3, 1),
    depthwise(28, 192, 3, 2),
    depthwise(28, 240, 5, 1),
    depthwise(14, 480, 5, 1),
    depthwise(56, 144, 5, 2),
    depthwise(28, 96, 5, 2),
    depthwise(56, 96, 7, 1),
    depthwise(14, 384, 7, 1),
    depthwise(16, 960, 5, 1, 2),
    depthwise(32, 480, 3, 1, 2),
    depthwise(32, 480, 3, 1, 4),
    *SEQUENCES,
)
