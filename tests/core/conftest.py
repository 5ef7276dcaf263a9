"""The native library of the core's tests."""

from __future__ import annotations

import pytest
from support import builds
from support.native import Library


@pytest.fixture(scope="session")
def library() -> Library:
    return builds.scalar()
