"""A package that needs no compiled runtime."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.echo_package import echo_package


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An echoing package with a dynamic batch, two tensors, two numbers and a tokenizer."""
    example = {"x": torch.arange(12.0).reshape(4, 3), "ids": torch.arange(5), "n": 3, "flag": True}
    (tmp_path / "tokenizer.json").write_text("{}")
    echo_package(tmp_path / "pkg", example, {"x": ["batch", 3]}, tmp_path / "tokenizer.json")
    return tmp_path / "pkg"
