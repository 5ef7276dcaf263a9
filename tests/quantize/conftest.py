"""What tests of packages with rounded weights share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import wasm_torch_web
from wasm_torch_web.cli import invoke
from wasm_torch_web.pipeline import BuildResult
from wasm_torch_web.variants import VARIANTS


@pytest.fixture(scope="module")
def result(
    request: pytest.FixtureRequest, archive: Path, tmp_path_factory: pytest.TempPathFactory
) -> BuildResult:
    """The verified package of the module's `archive`, by its `KIND`."""
    kind = request.module.KIND
    return wasm_torch_web.build(archive, out=tmp_path_factory.mktemp(kind) / "pkg", quantize=kind)


@pytest.fixture
def check_variants(capsys: pytest.CaptureFixture[str]) -> Callable[[BuildResult, Path], None]:
    """Of a package, next to PyTorch with the same rounded weights."""

    def check(result: BuildResult, archive: Path) -> None:
        assert result.verification == "passed"
        words = ["validate", result.out, "--source", archive, "--variant", "all", "--json"]
        assert invoke([*map(str, words)]) == 0
        report = json.loads(capsys.readouterr().out)["result"]
        assert {one["variant"] for one in report["outputs"]} == set(VARIANTS)

    return check
