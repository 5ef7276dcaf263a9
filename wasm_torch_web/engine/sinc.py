"""Samples at one rate in, samples at another out, by a windowed sinc: sinc.ts in NumPy.

Smith, "Digital Audio Resampling", https://ccrma.stanford.edu/~jos/resample/, with the cut-off and
the window that torchaudio.functional.resample has by default.
"""

from __future__ import annotations

import math

import numpy
from numpy.typing import NDArray

ZEROS = 6  # of the sinc, on each side
ROLLOFF = 0.99  # the cut-off, as a part of the lower Nyquist frequency


def resampled(samples: NDArray[numpy.float32], old: int, new: int) -> NDArray[numpy.float32]:
    """ceil(n * new / old) samples of n; silence before and after."""
    if old == new or not len(samples):
        return samples
    divisor = math.gcd(old, new)
    inputs, outputs = old // divisor, new // divisor
    count = math.ceil(len(samples) * outputs / inputs)
    frame, phase = numpy.divmod(numpy.arange(count), outputs)
    begin, weights = _phases(inputs, outputs, min(count, outputs))
    first = frame * inputs + begin[phase]
    before = max(0, -int(begin.min()))
    after = max(0, int(first.max()) + weights.shape[1] - len(samples))
    heard = numpy.pad(samples.astype("<f8"), (before, after))
    total = numpy.zeros(count)
    for tap in range(weights.shape[1]):  # in the order of sinc.ts
        total += heard[before + first + tap] * weights[phase, tap]
    return total.astype("<f4")


def _phases(
    inputs: int, outputs: int, count: int
) -> tuple[NDArray[numpy.int64], NDArray[numpy.float64]]:
    """The first input that counts, from the frame's first on, and the weights from there on: of the
    first `count` outputs. They repeat after `outputs` outputs, which are `inputs` inputs long."""
    cutoff = ROLLOFF * min(inputs, outputs) / inputs  # in periods an input
    reach = ZEROS / cutoff
    place = numpy.arange(count) * inputs / outputs
    begin = numpy.ceil(place - reach)
    taps = numpy.arange(math.floor(2 * reach) + 1)
    x = (begin[:, None] + taps - place[:, None]) * cutoff
    weights = cutoff * numpy.sinc(x) * numpy.cos(numpy.pi * x / (2 * ZEROS)) ** 2
    weights[numpy.abs(x) >= ZEROS] = 0
    return begin.astype(numpy.int64), weights
