"""The native library of the core's tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.native import Library

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))


@pytest.fixture(scope="session")
def library() -> Library:
    """The plain native build; from the cache where nothing has changed."""
    import build_native

    (path,) = build_native.build("plain")
    return Library(path)
