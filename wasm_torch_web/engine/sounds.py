"""Sounds in, what an input's `preprocess` makes of them out: what sounds.js does in a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from wasm_torch_web.engine.sinc import resampled
from wasm_torch_web.errors import UserError

FASTEST = 1_000_000  # samples a second
EPSILON = 1e-7  # that of Wav2Vec2's feature extractor, added to the variance
Samples = NDArray[numpy.float32]


@dataclass(frozen=True, eq=False)
class Sound:
    """A recording.

    Attributes:
        samples: (n,) or (n, channels), in -1 to 1.
        rate: samples a second.
    """

    samples: NDArray[Any]
    rate: int


def array_of(port: Mapping[str, Any], sound: Sound) -> Samples:
    """In a row, or in windows; axes before are of size 1. Raises UserError input-unreadable."""
    settings = port["preprocess"]
    samples = resampled(_mono(port, sound), sound.rate, settings["rate"])
    rows = _rows(samples, settings)
    if settings.get("normalize"):
        rows = _normalised(rows)
    return rows.reshape((1,) * (len(port["shape"]) - rows.ndim) + rows.shape)


def _mono(port: Mapping[str, Any], sound: Sound) -> Samples:
    samples = numpy.asarray(sound.samples)
    row = samples.ndim == 1 or (samples.ndim == 2 and samples.shape[1] > 0)
    if not row or samples.dtype.kind != "f" or not 1 <= sound.rate <= FASTEST:
        reason = f"{samples.dtype} {list(samples.shape)} at {sound.rate} samples a second"
        allowed = f"floats (n,) or (n, channels), at 1 to {FASTEST}"
        raise UserError("input-unreadable", name=port["name"], reason=reason, allowed=allowed)
    mixed: NDArray[Any] = samples if samples.ndim == 1 else samples.astype("<f8").mean(1)
    return mixed.astype("<f4")


def _rows(samples: Samples, settings: Mapping[str, Any]) -> Samples:
    length, window = settings.get("length"), settings.get("window")
    least = length if length is not None else max(len(samples), window or 0)
    fitted = numpy.zeros(least, "<f4")  # silence where the sound has ended
    fitted[: len(samples)] = samples[:least]
    if window is None:
        return fitted
    rows: Samples = sliding_window_view(fitted, window)[:: settings.get("hop", window)]
    return rows


def _normalised(rows: Samples) -> Samples:
    exact = rows.astype("<f8")
    centred = exact - exact.mean(-1, keepdims=True)
    scale = 1 / numpy.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
    normal: Samples = (centred * scale).astype("<f4")
    return normal
