"""Sensitivities of layers in, mixes of ways from the model as it was to the smallest out.

Errors of layers count as independent: their squares add up. Each step gives one weight a smaller
way, that which costs least squared error a byte saved first; so every mix on the path is the best
of its size up to the step itself, and errors grow along it. What a mix really does is measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from wasm_torch_web.quantize.sensitivity import Layer
from wasm_torch_web.quantize.spec import Mix

MOST_ERROR = 0.01  # what `auto` allows unless told otherwise


@dataclass(frozen=True)
class Step:
    """A weight gets another way, which takes so many bytes less and adds so much squared error."""

    weight: str
    way: str
    saved: int
    cost: float

    @property
    def slope(self) -> float:
        """Squared error a byte."""
        return self.cost / self.saved


@dataclass(frozen=True)
class Path:
    """Steps in their order; mix n has the first n of them."""

    steps: Sequence[Step]

    def mix(self, count: int) -> Mix:
        """The way of each weight."""
        return {step.weight: step.way for step in self.steps[:count]}

    def saved(self, count: int) -> int:
        """Bytes, next to the model as it was."""
        return sum(step.saved for step in self.steps[:count])

    def first(self, saving: int) -> int | None:
        """The least number of steps that save so much."""
        counts = range(len(self.steps) + 1)
        return next((n for n in counts if self.saved(n) >= saving), None)

    def last(self, good: Callable[[int], bool]) -> int | None:
        """The most steps that are good, where all before them are; None where no step at all is
        good already."""
        if not good(0):
            return None
        low, high = 0, len(self.steps) + 1  # low is good, high is not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if good(middle) else (low, middle)
        return low


def path(layers: Sequence[Layer]) -> Path:
    """From the model as it was to the mix that saves most."""
    weights: dict[str, list[Layer]] = {}
    for layer in layers:
        if math.isfinite(layer.error):
            weights.setdefault(layer.weight, []).append(layer)
    steps = [step for ways in weights.values() for step in _steps(ways)]
    return Path(sorted(steps, key=lambda step: step.slope))


def _steps(ways: Sequence[Layer]) -> Iterator[Step]:
    """The lower convex hull of squared error over bytes saved: slopes grow."""
    saved, error = 0, 0.0
    while more := [way for way in ways if way.saved > saved]:
        steps = [Step(way.weight, way.way, way.saved - saved, way.error**2 - error) for way in more]
        step = min(steps, key=lambda step: (step.slope, -step.saved))
        yield step
        saved, error = saved + step.saved, error + step.cost
