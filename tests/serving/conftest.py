"""Packages for the inference service, built once."""

from __future__ import annotations

import pytest
from support.served import Packages


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Packages by name."""
    return Packages(tmp_path_factory.mktemp("served"))
