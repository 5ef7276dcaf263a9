"""Packages built on demand, and their comparison with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from models.zoo import Model
from support.engines import Engine

from wasm_torch_web.pipeline import BuildResult, build
from wasm_torch_web.verify import parity
from wasm_torch_web.verify.compare import compare
from wasm_torch_web.verify.reference import Flat
from wasm_torch_web.verify.session import open_in


class Proof:
    """A built package and what the comparison of every variant of the engine found."""

    def __init__(self, engine: Engine, out: Path, result: BuildResult) -> None:
        self.engine, self.out = engine, out
        self.reference, self.example = result.reference, result.example
        wanted = parity.expect(out, result.reference, print, result.example)
        with engine.tab() as tab, open_in(tab, out) as model:
            self.report = parity.compare_with(model, engine.version, wanted, engine.variants, print)

    def expected(self, inputs: Flat) -> dict[str, Any]:
        """What PyTorch gives."""
        return dict(self.reference([inputs])[0])

    def in_browser(self, inputs: Flat) -> dict[str, Any]:
        """What the best variant gives."""
        with self.engine.tab() as tab, open_in(tab, self.out) as model:
            model.load()
            return dict(model.run(inputs)[0])

    def agrees(self, inputs: Flat) -> bool:
        """Whether the best variant and PyTorch agree on these inputs."""
        given, expected = self.in_browser(inputs), self.expected(inputs)
        return all(compare(name, value, given[name]).passed for name, value in expected.items())


@pytest.fixture
def prove(engine: Engine, tmp_path: Path) -> Callable[[str, Model], Proof]:
    """Builds a model's package and compares every variant with PyTorch in the browser."""

    def run(name: str, model: Model) -> Proof:
        example, out = (model.args, model.kwargs), tmp_path / name
        package = name.replace("_", "-")
        result = build(
            model.module, example, out=out, name=package, dynamic=model.dynamic, verify=False
        )
        return Proof(engine, out, result)

    return run
