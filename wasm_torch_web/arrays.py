"""A .npy or .npz file in, its arrays out; one that is damaged or claims too much is an error."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from wasm_torch_web.errors import summary

MOST_BYTES = (
    1 << 32
)  # a model's memory holds no more; a zip of zeros could take all of this machine
# What NumPy and zipfile raise over what is in a file.
_DAMAGED = (
    *(ValueError, EOFError, OverflowError, TypeError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


def read(path: Path) -> NDArray[Any] | dict[str, Any]:
    """One array, or those of an archive by name. Nothing is unpickled.

    Raises OSError, and ValueError with a reason.
    """
    try:
        loaded = numpy.load(path, allow_pickle=False)
        if isinstance(loaded, numpy.ndarray):
            return loaded
        with loaded:
            if sum(entry.file_size for entry in loaded.zip.infolist()) > MOST_BYTES:
                raise ValueError("more than 4 GiB of arrays")
            return {name: loaded[name] for name in loaded.files}
    except _DAMAGED as error:
        raise ValueError(summary(error)) from error
