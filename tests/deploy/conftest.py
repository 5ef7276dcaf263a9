"""Packages to deploy, and what `deploy` has written for one, each once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from support.container import Container, Image
from support.deployed import Deployed, fake_package, read_yaml
from support.served import Packages

from wasm_torch_web.deploy import deploy

BUILD = Path(__file__).parents[2] / "build"
TOOLS = Path(__file__).with_name("tools.txt")


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


@pytest.fixture(scope="session")
def service(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """What `deploy docker` runs, with the command line of compose.yaml."""
    image = Image.built(deployed("docker") / "image", tmp_path_factory.mktemp("image"))
    compose = read_yaml(deployed("docker") / "compose.yaml")["services"]["service"]
    with image.running(compose["command"], compose["environment"]) as container:
        yield container


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder of the programs in tools.txt, in an environment of their own."""
    folder = BUILD / "deploy-tools"
    wanted = TOOLS.read_text()
    stamp = folder / "stamp"
    if not stamp.is_file() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "-q", "-r", TOOLS], check=True)
        stamp.write_text(wanted)
    return folder / "bin"
