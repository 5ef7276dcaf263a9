"""Packages to deploy, and what `deploy` has written for one, each once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from support.deployed import Deployed, fake_package
from support.served import Packages

from wasm_torch_web.deploy import deploy


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """Packages by name, that run."""
    return Packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package that does not."""
    return fake_package(tmp_path_factory.mktemp("fake") / "pkg")


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory, packages: Packages) -> Deployed:
    """The folder of a kind, for a classifier."""

    @cache
    def written(kind: str) -> Path:
        out = tmp_path_factory.mktemp("deployed") / kind
        deploy(kind, [packages("classifier")], out)
        return out

    return written
