"""Where outputs for special values may differ from PyTorch's, and why: the one table of it."""

from __future__ import annotations

import re
from typing import NamedTuple

KINDS = ("nan", "infinity", "zero", "denormal", "largest")

# Integers of these rows do not get the least one: divided by -1 it ends PyTorch's process (SIGFPE).
DIVISIONS = ("div_trunc", "div_floor", "remainder", "fmod")

# The operands that are any numbers, of rows whose other operands have bounds of their own: packed
# codes with scales and zero points, positions, samples, sorted boundaries, boxes. A weight that is
# not finite is none either: whether PyTorch multiplies it with the zeros of a padding depends on
# the library that it chooses.
NUMBERS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(
        (
            *("conv2d", "conv3d", "conv_nd", "conv_transpose2d", "depthwise_conv2d"),
            *(
                "deform_columns",
                "fractional_max_pool",
                "grid_sample",
                "roi_align",
                "winograd_conv2d",
            ),
            *("integer_conv2d", "integer_linear", "weight_only_linear"),
        ),
        (0,),
    ),
    "searchsorted": (1,),
    "static_conv2d": (),
    "static_depthwise_conv2d": (),
}

# Outputs that PyTorch leaves open: which of equal elements an index names.
UNORDERED = {("topk", 1)}

# What PyTorch raises an error for.
REFUSED = {("linalg_svdvals", "nan")}


class Limit(NamedTuple):
    """What of these rows (a pattern of their names) may differ, for values of a kind: `ALL`, or a
    key of `special_values.fault`. They are run all the same: nothing may trap."""

    rows: str
    kinds: tuple[str, ...]
    what: str
    reason: str


ALL = "all"
NOT_FINITE = ("nan", "infinity", "largest")
LIMITS: tuple[Limit, ...] = (
    Limit(
        r"conv.*|depthwise_conv2d|winograd.*|linear|(integer|weight_only)_linear|matmul"
        r"|(group|layer)_norm|(gru|lstm|rnn)_scan|scaled_dot_product_attention"
        r"|(adaptive_)?avg_pool[23]d|mean|cumsum|cumprod|prod|var|lerp|pdist|grid_sample"
        r"|upsample_bicubic2d",
        ("largest",),
        ALL,
        "sums and products overflow on their way or not, as the order of their terms wants it",
    ),
    Limit(
        r"fft_.*",
        NOT_FINITE,
        ALL,
        "a transform multiplies with zeros or leaves them out: which parts are NaN follows from it",
    ),
    Limit(
        r"linalg_.*",
        ("infinity", "denormal", "largest"),
        ALL,
        "LAPACK's pivots and scaling decide which elements overflow first",
    ),
    Limit(
        r"winograd_(conv2d|weight)",
        ("nan", "infinity"),
        ALL,
        "Winograd's method makes tiles of outputs from sums of inputs: what is not finite reaches "
        "the whole tile, up to 4 x 4 outputs",
    ),
    Limit(
        r"fractional_max_pool|upsample_nearest2d",
        ("largest",),
        ALL,
        "the reference has another dtype on its way, which does not hold them",
    ),
    Limit(
        r"a(max|min)|f?(maximum|minimum)|f(max|min)|topk",
        ("zero", "denormal"),
        "sign of zero",
        "which of two equal zeros: PyTorch's vectorised and scalar code differ, as do its dtypes",
    ),
    Limit(
        r"gelu",
        KINDS,
        "sign of zero",
        "PyTorch's gelu of float32 is oneDNN's for many elements, which loses the sign",
    ),
    Limit(
        r"addcmul|(group|layer)_norm|grid_sample|upsample_bilinear2d|winograd_weight",
        ("zero", "denormal"),
        "sign of zero",
        "sums that are 0, or vanish, have the sign that the order of their terms gives",
    ),
    Limit(
        r"softmax",
        ("zero", "denormal"),
        "denormal",
        "powers of e below the least normal number of float32 (1.2e-38) are 0",
    ),
    Limit(
        r"igammac",
        ("denormal",),
        "denormal",
        "it is 1 - igamma, whose error is one of 1",
    ),
    Limit(
        r"igamma",
        ("denormal",),
        "number",
        "PyTorch gives 0 for one such parameter, where the function is 1",
    ),
    Limit(
        r"fmod|remainder",
        ("denormal", "largest"),
        "NaN",
        "PyTorch's vectorised float64 (Sleef) gives NaN for quotients beyond 2^53, its scalar "
        "code and ours the remainder",
    ),
)


def limited(row: str, kind: str, what: str) -> bool:
    """Whether a limit is of this row, kind and difference."""
    return any(
        re.fullmatch(limit.rows, row) and kind in limit.kinds and limit.what in (what, ALL)
        for limit in LIMITS
    )
