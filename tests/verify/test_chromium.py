"""Where Chromium is looked for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from wasm_torch_web import doctor
from wasm_torch_web.errors import UserError
from wasm_torch_web.verify import browsers
from wasm_torch_web.verify.chromium import apart, find, launched


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Chromium, and an empty folder on its PATH."""
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(browsers, "places", lambda system, environment: [])
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
    places = [str(nowhere / "missing"), str(usual)]
    monkeypatch.setattr(browsers, "places", lambda system, environment: places)
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


INSTALLED = [
    ("linux", "/opt/google/chrome/chrome"),
    ("linux", "/opt/microsoft/msedge/msedge"),
    ("darwin", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    ("darwin", "/Users/me/Applications/Chromium.app/Contents/MacOS/Chromium"),
    ("darwin", "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge"),
    ("win32", r"C:\Program Files\Google\Chrome\Application\chrome.exe"),
    ("win32", r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe"),
    ("win32", r"C:\Users\me\AppData\Local\Chromium\Application\chrome.exe"),
]


@pytest.mark.parametrize(("system", "place"), INSTALLED)
def test_where_installers_put_it(monkeypatch: pytest.MonkeyPatch, system: str, place: str) -> None:
    """One file on a machine that has nothing else."""
    for name in ("CHROMIUM", "PROGRAMFILES(X86)", "LOCALAPPDATA", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("PROGRAMFILES", r"C:\Program Files")
    monkeypatch.setattr(Path, "is_file", lambda path: str(path) == place)
    if "Users" in place or "(x86)" in place:
        assert find(system=system) is None  # the folder's variable is not set
    monkeypatch.setenv("PROGRAMFILES(X86)", r"C:\Program Files (x86)")
    monkeypatch.setenv("LOCALAPPDATA", r"C:\Users\me\AppData\Local")
    monkeypatch.setenv("HOME", "/Users/me")
    assert str(find(system=system)) == place


def test_playwrights_own_comes_before_the_systems(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, usual = program(nowhere / "own"), program(nowhere / "usual")
    monkeypatch.setattr(browsers, "places", lambda system, environment: [str(usual)])
    playwright = SimpleNamespace(chromium=SimpleNamespace(executable_path=str(own)))
    assert find(playwright) == own
    own.unlink()
    assert find(playwright) == usual


def test_apart_passes_on_results_and_errors() -> None:
    assert apart(divmod)(7, 2) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        apart(divmod)(7, 0)


def test_a_driver_that_does_not_start_is_the_environments_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", "/bin/false")
    with pytest.raises(UserError, match="driver does not start"):
        apart(lambda: launched().__enter__())()
    assert any("driver does not start" in check.trouble for check in doctor.examine())
