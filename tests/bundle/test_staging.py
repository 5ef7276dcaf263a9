"""Atomic output: the old folder or the new one, never a half-written one, never a stranger's."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from support.fake_model import fake_model

from wasm_torch_web.bundle.staging import staged
from wasm_torch_web.errors import UserError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_folder_appears_at_the_end(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "pkg"
    with staged(out) as folder:
        (folder / "file").write_text("new")
        assert not out.exists()
    assert names(out) == ["file"]
    assert names(out.parent) == ["pkg"]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), staged(tmp_path / "pkg") as folder:
        (folder / "file").write_text("half")
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_a_failure_leaves_the_old_package(tmp_path: Path) -> None:
    fake_model(tmp_path_pkg := _folder(tmp_path / "pkg"))
    before = names(tmp_path_pkg)
    with pytest.raises(KeyboardInterrupt), staged(tmp_path / "pkg"):
        raise KeyboardInterrupt
    assert names(tmp_path) == ["pkg"]
    assert names(tmp_path_pkg) == before


def test_a_package_of_ours_is_replaced(tmp_path: Path) -> None:
    fake_model(_folder(tmp_path / "pkg"))
    with staged(tmp_path / "pkg") as folder:
        (folder / "new").touch()
    assert names(tmp_path) == ["pkg"]
    assert names(tmp_path / "pkg") == ["new"]


def test_an_empty_folder_is_replaced(tmp_path: Path) -> None:
    with staged(_folder(tmp_path / "pkg")) as folder:
        (folder / "new").touch()
    assert names(tmp_path / "pkg") == ["new"]


@pytest.mark.parametrize("content", ["notes.txt", "model.json"])
def test_a_strangers_folder_is_not_touched(tmp_path: Path, content: str) -> None:
    stranger = _folder(tmp_path / "pkg") / content
    stranger.write_text("[1]")
    with pytest.raises(UserError) as caught, staged(tmp_path / "pkg"):
        pytest.fail("the block must not run")
    assert caught.value.code == "WTW115"
    assert stranger.read_text() == "[1]"


def test_force_replaces_a_strangers_folder_or_file(tmp_path: Path) -> None:
    (_folder(tmp_path / "pkg") / "notes.txt").touch()
    (tmp_path / "file").touch()
    for name in ("pkg", "file"):
        with staged(tmp_path / name, force=True) as folder:
            (folder / "new").touch()
        assert names(tmp_path / name) == ["new"]
    assert names(tmp_path) == ["file", "pkg"]


def test_force_never_replaces_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(_folder(tmp_path / "project"))
    for out in (Path(), Path(".."), tmp_path / "project"):
        with pytest.raises(UserError, match="WTW116"), staged(out, force=True):
            pytest.fail("the block must not run")


def test_an_unwritable_place_is_a_coded_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file" / "pkg", tmp_path / "file" / "new" / "pkg"):
        with pytest.raises(UserError, match="WTW116"), staged(out):
            pytest.fail("the block must not run")


def test_a_full_disk_is_a_coded_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="WTW116"), staged(tmp_path / "pkg"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert names(tmp_path) == []


def test_other_errors_of_the_system_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), staged(tmp_path / "pkg"):
        (tmp_path / "missing").read_text()


def _folder(path: Path) -> Path:
    path.mkdir()
    return path
