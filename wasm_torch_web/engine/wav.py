"""A WAV file in, its sound out: whole numbers of 8 to 32 bits, or floats.

Python's own reader knows no floats, and before 3.12 no more than two channels.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from wasm_torch_web.engine.sounds import Sound
from wasm_torch_web.errors import UserError

SUFFIXES = (".wav",)
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE


def read(path: Path) -> Sound:
    """The sound in a file. Raises UserError run-input."""
    try:
        return _sound(path.read_bytes())
    except OSError as error:
        raise UserError("run-input", path=path, reason=error.strerror or str(error)) from error
    except (ValueError, struct.error) as error:
        raise UserError("run-input", path=path, reason=f"no WAV file: {error}") from error


def _sound(content: bytes) -> Sound:
    chunks = dict(_chunks(content))
    if not {b"fmt ", b"data"} <= set(chunks):
        raise ValueError("it has no format or no data")
    form = chunks[b"fmt "]
    tag, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", form)
    if tag == EXTENSIBLE:
        (tag,) = struct.unpack_from("<H", form, 24)
    if (tag, bits) not in DECODED:
        raise ValueError(f"format {tag} with {bits} bits is neither whole numbers nor floats")
    if channels == 0 or not rate:
        raise ValueError(f"{channels} channels at {rate} samples a second")
    frame = channels * bits // 8
    data = chunks[b"data"]
    whole = data[: len(data) // frame * frame]
    return Sound(DECODED[tag, bits](whole).astype("<f4").reshape(-1, channels), rate)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents; the last may end with the file, whatever its length says."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ValueError("it does not begin with RIFF and WAVE")
    place = 12
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        yield name, content[place + 8 : place + 8 + size]
        place += 8 + size + size % 2


def _of_24_bits(data: bytes) -> NDArray[Any]:
    """The upper three bytes of an int32."""
    parts = numpy.frombuffer(data, "u1").reshape(-1, 3)
    return numpy.pad(parts, ((0, 0), (1, 0))).view("<i4").reshape(-1) / 2**31


DECODED: dict[tuple[int, int], Callable[[bytes], NDArray[Any]]] = {
    (PCM, 8): lambda data: (numpy.frombuffer(data, "u1") - 128.0) / 128,
    (PCM, 16): lambda data: numpy.frombuffer(data, "<i2") / 2**15,
    (PCM, 24): _of_24_bits,
    (PCM, 32): lambda data: numpy.frombuffer(data, "<i4") / 2**31,
    (FLOAT, 32): lambda data: numpy.frombuffer(data, "<f4"),
    (FLOAT, 64): lambda data: numpy.frombuffer(data, "<f8"),
}
