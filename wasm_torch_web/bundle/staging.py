"""Atomic output: a target folder in, an empty folder beside it out, renamed when all went well."""

from __future__ import annotations

import errno
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def staged(
    out: Path, force: bool = False, is_ours: Callable[[Path], bool] = manifest.is_ours
) -> Iterator[Path]:
    """Yields a folder that takes the place of `out` at the end, or vanishes on any exception.

    Raises UserError out-exists (before any work, and nothing is touched) where `out` exists, is
    not empty and was not written by this tool (`is_ours`), unless `force`; out-unwritable where the
    file system refuses.
    """
    check_replaceable(out, force, is_ours)
    target = _resolved(out)
    folder = _beside(target)
    try:
        with _refused(out):
            folder.mkdir(parents=True)
        with _refused(out, within=folder):
            yield folder
        with _refused(out):
            _exchange(folder, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _refused(out: Path, within: Path | None = None) -> Iterator[None]:
    """What the file system refuses becomes out-unwritable; other work may go on inside, of which
    only a full disk and files `within` that folder are meant."""
    try:
        yield
    except OSError as error:
        place = str(error.filename or "")
        if within is None or error.errno in _FULL or place.startswith(str(within)):
            raise UserError("out-unwritable", path=out, reason=error.strerror) from error
        raise


def check_replaceable(
    out: Path, force: bool, is_ours: Callable[[Path], bool] = manifest.is_ours
) -> None:
    """Raises UserError out-exists or out-unwritable if `out` may not be replaced."""
    target = _resolved(out)
    # Never a folder that holds where the user stands, whatever --force says.
    if Path.cwd().is_relative_to(target) or Path.home().is_relative_to(target):
        reason = "it contains the working directory or your home"
        raise UserError("out-unwritable", path=out, reason=reason)
    if not target.exists() or force or is_ours(target):
        return
    if target.is_dir() and not any(target.iterdir()):
        return
    raise UserError("out-exists", path=out)


def _resolved(out: Path) -> Path:
    return out.expanduser().resolve()


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}")


def _exchange(folder: Path, target: Path) -> None:
    """Renames `folder` to `target`; what was there is kept until the new one stands."""
    if not target.exists():
        folder.rename(target)
        return
    old = _beside(target)
    target.rename(old)
    try:
        folder.rename(target)
    except OSError:
        old.rename(target)
        raise
    if old.is_dir():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink()
