"""Where Chromium is looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from wasm_torch_web.verify import chromium
from wasm_torch_web.verify.chromium import apart, find


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Chromium, and an empty folder on its PATH."""
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "PLACES", ())
    return tmp_path


def program(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_none_is_found_where_there_is_none(nowhere: Path) -> None:
    assert find() is None


def test_the_path_is_searched(nowhere: Path) -> None:
    assert find() is None
    assert program(nowhere / "google-chrome") == find()
    assert program(nowhere / "chromium") == find()


def test_the_usual_places_come_last(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = program(nowhere / "usual")
    monkeypatch.setattr(chromium, "PLACES", (str(nowhere / "missing"), str(usual)))
    assert find() == usual
    assert program(nowhere / "chromium") == find()


def test_the_users_choice_is_the_only_one(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(nowhere / "chromium")
    other = program(nowhere / "my-browser")
    for named in (str(other), "my-browser"):
        monkeypatch.setenv("CHROMIUM", named)
        assert find() == other
    monkeypatch.setenv("CHROMIUM", str(nowhere / "missing"))
    assert find() is None


def test_apart_passes_on_results_and_errors() -> None:
    assert apart(divmod)(7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        apart(divmod)(7, 0)
