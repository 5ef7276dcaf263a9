"""Pickles that would run code: each is refused with its code, and none runs."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from support.hostile import Evil, X, refused
from support.models import Net

from wasm_torch_web.sources import Options, load


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("wrap", [lambda e: e, lambda e: {"state_dict": {"w": e}}, lambda e: [e]])
def test_pickles_do_not_execute(tmp_path: Path, wrap, zipped: bool) -> None:
    path = tmp_path / "model.pth"
    torch.save(wrap(Evil()), path, _use_new_zipfile_serialization=zipped)
    assert "--trust-pickle" in refused(path, "pickle-refused").hint


def test_raw_pickles_do_not_execute(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(pickle.dumps(Evil(), protocol=2))
    refused(path, "pickle-refused")


def test_whole_modules_need_trust(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(Net(), path)
    error = refused(path, "pickle-refused", Options(inputs=X))
    assert "support.models.Net" in error.message
    source = load(path, Options(inputs=X, trust_pickle=True))
    assert isinstance(source.module, Net)


def test_trusted_pickle_without_its_code(tmp_path: Path) -> None:
    path = tmp_path / "model.pth"
    torch.save(Net(), path)
    data = path.read_bytes()
    # Same length: the pickle stays whole; the checksum is no matter of the legacy format.
    torch.save(Net(), path, _use_new_zipfile_serialization=False)
    data = path.read_bytes().replace(b"support.models", b"no_such.module")
    path.write_bytes(data)
    error = refused(path, "pickle-needs-code", Options(inputs=X, trust_pickle=True))
    assert "no_such" in error.message
