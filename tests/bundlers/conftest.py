"""The package of a small model, once for all tests here, and projects that have installed it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.installed import build_package, new_project, packed


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_package(tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="session")
def tarball(package: Path) -> Path:
    return packed(package)


@pytest.fixture
def project(tarball: Path, tmp_path: Path) -> Path:
    return new_project(tmp_path, tarball)
