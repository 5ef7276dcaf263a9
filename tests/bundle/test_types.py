"""The generated declarations under `tsc --strict`, as the resolutions that people use see them."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.typed import RESOLUTIONS, check_right, check_wrong, said, typed_project

TSC = Path(__file__).parents[2] / "node_modules/.bin/tsc"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return typed_project(tmp_path_factory.mktemp("project"))


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_right_programs_compile(project: Path, resolution: str) -> None:
    check_right(TSC, project, resolution)


def test_using_ends_a_model_where_the_library_knows_it(project: Path) -> None:
    assert said(TSC, project, "nodenext", ["using.mts"], "esnext", "dom") == ""


def test_wrong_programs_are_told_what_is_wrong(project: Path) -> None:
    check_wrong(TSC, project)


def test_dynamic_axes_have_names(project: Path) -> None:
    text = (project / "node_modules/fake-model/index.d.ts").read_text()
    assert "/** int64 [batch, 2*T + 1], batch from 1 to 8 */" in text
    assert "ids: Given<'int64', readonly [batch: number, dim1: number]>;" in text
    assert "logits: Got<'float32', [batch: number, dim1: 7]>;" in text
