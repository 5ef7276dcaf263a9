"""Memory-bound operators as models have them, and the bytes that each has to move."""

from __future__ import annotations

from bench.kernels.case import MemoryCase


def case(
    group: str,
    label: str,
    function: str,
    sizes: tuple[int, ...],
    read: int,
    written: int,
    item: int = 4,
) -> MemoryCase:
    """`read` and `written` are numbers of elements of `item` bytes."""
    bytes_moved = (read + written) * item
    return MemoryCase(group, label, f"bench_{function}", sizes, max(read, written), bytes_moved)


def unary(name: str, n: int) -> MemoryCase:
    """A function of each of n numbers."""
    return case("unary", f"{name}, {n}", name, (n,), n, n)


def rows(name: str, count: int, length: int) -> MemoryCase:
    """A function of each row of a matrix."""
    return case("rows", f"{name}, {count} x {length}", name, (count, length), *[count * length] * 2)


def image(name: str, size: int, channels: int, *more: int) -> MemoryCase:
    """An image to one of its size."""
    n = size * size * channels
    return case("image", f"{name}, {size}² x {channels}", name, (size, channels, *more), n, n)


def folded(name: str, size: int, channels: int, out: int) -> MemoryCase:
    """An image to `out` numbers."""
    n = size * size * channels
    return case("fold", f"{name}, {size}² x {channels}", name, (size, channels), n, out)


def pool(name: str, size: int, channels: int, window: int, stride: int, padding: int) -> MemoryCase:
    """Windows of an image."""
    out = (size + 2 * padding - window) // stride + 1
    label = f"{name}, {size}² x {channels}, {window}² / {stride}"
    sizes = (size, channels, window, stride, padding)
    return case("pool", label, name, sizes, size * size * channels, out * out * channels)


def upsample(name: str, size: int, channels: int, out: int) -> MemoryCase:
    """An image to a larger one."""
    label = f"{name}, {size}² → {out}² x {channels}"
    sizes = (size, channels, out)
    return case("upsample", label, name, sizes, size * size * channels, out * out * channels)


def cat(size: int, channels: int, inputs: int) -> MemoryCase:
    """Images of equal size, along their channels."""
    n = size * size * channels * inputs
    return case(
        "copy", f"cat {inputs} of {size}² x {channels}", "cat", (size, channels, inputs), n, n
    )


def transpose(count: int, length: int, item: int) -> MemoryCase:
    """A matrix of elements of `item` bytes."""
    label = f"transpose {count} x {length}, {item} bytes"
    n = count * length
    return case("copy", label, "transpose", (count, length, item), n, n, item)


UNARY = ("relu", "hardswish", "exp", "sigmoid", "silu", "tanh", "gelu", "log")
MEMORY_CASES = (
    *(unary(name, 56 * 56 * 144) for name in UNARY),
    *(unary(name, 4096) for name in UNARY),
    unary("add", 56 * 56 * 64),
    unary("add", 14 * 14 * 96),
    unary("add", 128 * 384),
    unary("add", 112 * 112 * 144),
    unary("add", 7),
    case("unary", "add_int64, 4096", "add_int64", (4096,), 8192, 4096, 8),
    rows("add_row", 197, 768),
    rows("mul_column", 197, 768),
    image("mul_gate", 7, 960),
    image("mul_gate", 14, 480),
    image("mul_gate", 56, 96),
    rows("where", 1536, 128),
    rows("layer_norm", 128, 384),
    rows("layer_norm", 197, 192),
    rows("layer_norm", 3136, 96),
    rows("layer_norm", 49, 768),
    rows("rms_norm", 64, 768),
    rows("softmax", 12 * 128, 128),
    rows("softmax", 3 * 197, 197),
    rows("softmax", 6 * 1500, 1500),
    rows("softmax", 1, 1000),
    rows("softmax_columns", 21, 4096),
    rows("cumsum", 64, 1024),
    image("batch_norm", 56, 64),
    image("group_norm", 32, 320, 32),
    image("group_norm", 64, 128, 32),
    folded("mean", 7, 1280, 1280),
    folded("mean", 112, 16, 16),
    folded("mean", 14, 480, 480),
    folded("adaptive_avg_pool2d", 7, 1280, 1280),
    folded("adaptive_avg_pool2d", 7, 512, 512),
    folded("argmax_channels", 128, 21, 128 * 128 * 2),
    case("fold", "mean_rows, 197 x 768", "mean_rows", (197, 768), 197 * 768, 197),
    case("fold", "argmax, 128 x 30522", "argmax", (128, 30522), 128 * 30522, 256),
    case("fold", "argmax, 16384 x 21", "argmax", (16384, 21), 16384 * 21, 2 * 16384),
    case("fold", "argmax, 1000 x 4", "argmax", (1000, 4), 4000, 2000),
    case("fold", "topk, 1 x 50257, 50", "topk", (1, 50257, 50), 50257, 150),
    case("fold", "topk, 8400 x 80, 1", "topk", (8400, 80, 1), 8400 * 80, 3 * 8400),
    case("fold", "topk, 1 x 8400, 300", "topk", (1, 8400, 300), 8400, 900),
    pool("max_pool2d", 112, 64, 3, 2, 1),
    pool("max_pool2d", 28, 256, 2, 2, 0),
    pool("max_pool2d", 20, 128, 5, 1, 2),
    pool("avg_pool2d", 28, 256, 2, 2, 0),
    pool("avg_pool2d", 35, 192, 3, 1, 1),
    upsample("upsample_bilinear2d", 56, 64, 112),
    upsample("upsample_bilinear2d", 32, 21, 256),
    upsample("upsample_nearest2d", 40, 128, 80),
    cat(28, 64, 2),
    cat(56, 32, 4),
    cat(14, 96, 3),
    case("copy", "half of 56² x 64", "slice", (56, 64), 56 * 56 * 32, 56 * 56 * 32),
    case("copy", "half of 28² x 24", "slice", (28, 24), 28 * 28 * 12, 28 * 28 * 12),
    image("to_channels_last", 224, 3),
    image("to_channels_last", 28, 128),
    image("from_channels_last", 28, 128),
    image("from_channels_last", 128, 21),
    *(transpose(512, 512, item) for item in (1, 2, 4, 8)),
    transpose(3000, 80, 4),
    case("copy", "split heads 128 x 12 x 32", "split_heads", (128, 12, 32), *[128 * 384] * 2),
    image("constant_pad_nd", 56, 64),
    image("constant_pad_nd", 224, 3),
    *(
        case("copy", f"embedding, 128 of 30522 x 384{', packed' * packed}", "embedding",
             (30522, 384, 128, packed), 128 * 384, 128 * 384)
        for packed in (0, 1)
    ),
)  # fmt: skip
