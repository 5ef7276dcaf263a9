"""Sounds as files, in the form that every browser reads."""

from __future__ import annotations

import io
import wave

import numpy as np


def wav(samples: np.ndarray, rate: int) -> bytes:
    """A file of one channel, of samples in -1..1."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams((1, 2, rate, len(samples), "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return data.getvalue()


def sine(hertz: float, seconds: float, rate: int) -> np.ndarray:
    """A tone, half as loud as can be."""
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
