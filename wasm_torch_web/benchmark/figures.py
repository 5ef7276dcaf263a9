"""Measured numbers in, the one that stands for them out."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence


def median(values: Iterable[float]) -> float:
    """The middle one. Raises statistics.StatisticsError for none."""
    return float(statistics.median(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least `percent` of them do not exceed."""
    rank = math.ceil(percent / 100 * len(values))
    return sorted(values)[max(rank, 1) - 1]


def geometric_mean(ratios: Iterable[float]) -> float:
    """What ratios are on the whole. Raises statistics.StatisticsError for none."""
    return float(statistics.geometric_mean(ratios))
