"""One Chromium for the tests of a file's module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser
from support.echo_package import echo_package

from wasm_torch_web.verify.chromium import launched


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An echoing package with a dynamic batch, two tensors and two numbers."""
    example = {"x": torch.arange(12.0).reshape(4, 3), "ids": torch.arange(5), "n": 3, "flag": True}
    echo_package(tmp_path / "pkg", example, {"x": ["batch", 3]})
    return tmp_path / "pkg"
