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
_FIRST = (0,)
NUMBERS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(
        (
            "conv2d",
            "conv3d",
            "conv_nd",
            "conv_transpose2d",
            "depthwise_conv2d",
            "fractional_max_pool",
            "grid_sample",
            "integer_linear",
            "weight_only_linear",
        ),
        _FIRST,
    ),
    "searchsorted": (1,),
    "static_conv2d": (),
    "static_depthwise_conv2d": (),
}

# Outputs that PyTorch leaves open: which of equal elements an index names.
UNORDERED = {("topk", 1)}


class Limit(NamedTuple):
    """What of these rows (a pattern of their names) may differ, for values of a kind."""

    rows: str
    kinds: tuple[str, ...]
    what: str  # "": they are not run
    reason: str


LIMITS: tuple[Limit, ...] = ()


def limited(row: str, kind: str, what: str = "") -> bool:
    """Whether a limit is of this row and kind, and of just that difference."""
    return any(
        re.fullmatch(limit.rows, row) and kind in limit.kinds and what == limit.what
        for limit in LIMITS
    )
