"""A simplified graph and calibration runs in, the range of each value that may become bytes out.

An observer decides how much of what it has seen a range covers: what lies outside is cut off, what
lies inside gets finer steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from wasm_torch_web.drawn import begun
from wasm_torch_web.ir import Graph, Value
from wasm_torch_web.ops.integers import STEPS
from wasm_torch_web.quantize.grid import Grid
from wasm_torch_web.quantize.layers import observed
from wasm_torch_web.quantize.spec import OBSERVERS
from wasm_torch_web.quantize.way import Ranges
from wasm_torch_web.verify.reference import Flat

BINS = 2048
TAIL = 1e-4  # of the elements, on each side, that `percentile` cuts off
SHRUNK = torch.linspace(0.3, 1, 71, dtype=torch.float64)  # what `mse` tries of each end


@dataclass
class Histogram:
    """Of the finite elements between `low` and `high`, which hold 0: counts of BINS bins."""

    low: float
    high: float
    counts: Tensor

    def add(self, data: Tensor) -> None:
        """Counts the elements."""
        self.counts += torch.histc(data.double(), BINS, self.low, self.high)

    def centres(self) -> Tensor:
        """The middles of the bins."""
        width = (self.high - self.low) / BINS
        return self.low + width * (torch.arange(BINS, dtype=torch.float64) + 0.5)


def minmax(seen: Histogram) -> tuple[float, float]:
    """Everything."""
    return seen.low, seen.high


def percentile(seen: Histogram) -> tuple[float, float]:
    """All but the outermost TAIL on each side."""
    width = (seen.high - seen.low) / BINS
    below = seen.counts.cumsum(0)
    limit = TAIL * float(below[-1])
    first = int((below <= limit).sum())
    last = int((below < float(below[-1]) - limit).sum()) + 1
    return min(seen.low + first * width, 0.0), max(seen.low + last * width, 0.0)


def mse(seen: Histogram) -> tuple[float, float]:
    """What makes the mean squared error of rounding to bytes least."""
    x, counts = seen.centres(), seen.counts

    def error(low: float, high: float) -> float:
        step = (high - low) / STEPS
        zero = round(-low / step)
        back = ((x / step).round() + zero).clamp(0, STEPS) - zero
        return float((counts * (back * step - x).square()).sum())

    high = min((seen.high * float(part) for part in SHRUNK), key=lambda h: error(seen.low, h))
    low = min((seen.low * float(part) for part in SHRUNK), key=lambda one: error(one, high))
    return low, high


_RANGES: dict[str, Callable[[Histogram], tuple[float, float]]] = dict(
    zip(OBSERVERS, (minmax, percentile, mse), strict=True)
)


def calibrate(graph: Graph, runs: Iterable[Flat], observer: str) -> Ranges:
    """By name of the value: its least and largest element over the runs, each from the initial
    state, as the observer (one of OBSERVERS) has it; 0 is within. Values that were not finite, or
    always 0, have none. Goes through the runs once for `minmax`, else twice."""
    seen: dict[Value, Histogram] = {}
    for value, (low, high) in _ends(graph, runs).items():
        if Grid.fits(low, high):
            seen[value] = Histogram(low, high, torch.zeros(BINS, dtype=torch.float64))
    if observer != "minmax":
        for values in _held(graph, runs):
            for value, histogram in seen.items():
                histogram.add(values[value])
    return {value.name: _RANGES[observer](histogram) for value, histogram in seen.items()}


def _ends(graph: Graph, runs: Iterable[Flat]) -> dict[Value, tuple[float, float]]:
    """The least and the largest element of each, or 0; NaN where it is not finite."""
    ends: dict[Value, tuple[float, float]] = {}
    for values in _held(graph, runs):
        for value, data in values.items():
            low, high = ends.get(value, (0.0, 0.0))
            if data.numel():
                least, largest = (float(end) for end in data.aminmax())
                finite = math.isfinite(least) and math.isfinite(largest)
                low, high = (min(low, least), max(high, largest)) if finite else (math.nan,) * 2
            ends[value] = low, high
    return ends


def _held(graph: Graph, runs: Iterable[Flat]) -> Iterator[dict[Value, Tensor]]:
    """What the values hold that may become bytes, run by run."""
    values = observed(graph)
    for run in runs:
        interpreter = begun(graph, run)
        interpreter.run(run)
        yield {value: interpreter.tensor(value) for value in values}
