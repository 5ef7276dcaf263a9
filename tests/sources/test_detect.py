"""Kinds are told apart by content; what is not a model says what it is instead."""

from __future__ import annotations

import json
import shutil
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from support.models import Net, write_archive

from wasm_torch_web.errors import UserError
from wasm_torch_web.sources import Kind, detect
from wasm_torch_web.sources.detect import INDEX


def state_dict(path: Path) -> None:
    torch.save(Net().state_dict(), path)


def legacy(path: Path) -> None:
    torch.save(Net().state_dict(), path, _use_new_zipfile_serialization=False)


def safetensors(path: Path) -> None:
    save_file(Net().state_dict(), path)


def torchscript(path: Path) -> None:
    torch.jit.trace(Net().eval(), torch.zeros(2, 3)).save(str(path))


def index(path: Path) -> None:
    path.write_text(json.dumps({"weight_map": {"a": "x.safetensors"}}))


@pytest.mark.parametrize("name", ["model.pth", "model.pt2", "model", "weights.bin"])
@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (write_archive, Kind.EXPORT),
        (torchscript, Kind.TORCHSCRIPT),
        (state_dict, Kind.PICKLE),
        (legacy, Kind.PICKLE),
        (safetensors, Kind.SAFETENSORS),
        (index, Kind.SHARDS),
    ],
)
def test_kind_does_not_depend_on_the_name(tmp_path: Path, name: str, write, kind: Kind) -> None:
    write(tmp_path / name)
    assert detect(tmp_path / name) is kind


def test_folders(tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text("{}")
    assert detect(tmp_path) is Kind.SHARDS
    (tmp_path / "config.json").write_text("{}")
    assert detect(tmp_path) is Kind.HUGGING_FACE
    assert detect(tmp_path, has_model=True) is Kind.SHARDS


def test_missing_and_empty(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="WTW101"):
        detect(tmp_path / "nothing.pth")
    (tmp_path / "empty.pth").touch()
    with pytest.raises(UserError, match="WTW102"):
        detect(tmp_path / "empty.pth")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html>", "download went wrong"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"GGUF\3\0\0\0", "GGUF"),
        (b"\x08\x07\x12\x04onnx", "ONNX"),
        (b"\x80", "unknown"),
        (b"x", "unknown"),
        (b'{"a": 1}', "weight_map"),
        (b"{" * 5000, "weight_map"),
    ],
)
def test_foreign_files_are_named(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "model.pth").write_bytes(content)
    with pytest.raises(UserError, match=said) as caught:
        detect(tmp_path / "model.pth")
    assert caught.value.slug == "source-unknown"


def test_zip_of_something_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("word/document.xml", "<a/>")
    with pytest.raises(UserError, match="not one of PyTorch's"):
        detect(tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
    with pytest.raises(UserError, match=r"2\.7 or older"):
        detect(tmp_path / "old.pt2")


@pytest.mark.parametrize("write", [write_archive, torchscript, state_dict])
def test_truncated_archives(tmp_path: Path, write) -> None:
    whole = tmp_path / "whole"
    write(whole)
    data = whole.read_bytes()
    for keep in (4, 64, len(data) // 2, len(data) - 30, len(data) - 1):
        cut = tmp_path / "cut"
        cut.write_bytes(data[:keep])
        with pytest.raises(UserError, match="WTW103"):
            detect(cut)


def test_flipped_bits_do_not_pass(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    state_dict(path)
    data = bytearray(path.read_bytes())
    data[data.index(struct.pack("<4f", 1, 1, 1, 1))] ^= 1  # the buffer `shift`
    path.write_bytes(data)
    with pytest.raises(UserError, match="CRC"):
        detect(path)


def test_archives_without_checksums_are_taken(tmp_path: Path) -> None:
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        state_dict(tmp_path / "a.pth")
    finally:
        torch.serialization.set_crc32_options(before)
    assert detect(tmp_path / "a.pth") is Kind.PICKLE


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/passwd", "a\\..\\evil"])
def test_names_that_leave_the_archive(tmp_path: Path, name: str) -> None:
    state_dict(tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth", "a") as archive:
        archive.writestr(name, "x")
    with pytest.raises(UserError, match="leaves the archive"):
        detect(tmp_path / "a.pth")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_parts_of_one_name(tmp_path: Path) -> None:
    state_dict(tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth", "a") as archive:
        archive.writestr("a/data.pkl", "x")
    with pytest.raises(UserError, match="one name"):
        detect(tmp_path / "a.pth")


def test_inflation(tmp_path: Path) -> None:
    state_dict(tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data/9", bytes(40 << 20))
    with pytest.raises(UserError, match="inflate"):
        detect(tmp_path / "a.pth")


def test_safetensors_header_beyond_the_file(tmp_path: Path) -> None:
    safetensors(tmp_path / "whole")
    data = (tmp_path / "whole").read_bytes()
    (tmp_path / "cut").write_bytes(data[:40])
    with pytest.raises(UserError, match="header is longer"):
        detect(tmp_path / "cut")
    shutil.copy(tmp_path / "whole", tmp_path / "copy")
    assert detect(tmp_path / "copy") is Kind.SAFETENSORS


@pytest.mark.parametrize("more", [0, 1])
def test_safetensors_that_is_all_header(tmp_path: Path, more: int) -> None:
    header = b'{"__metadata__": {}}'
    (tmp_path / "a").write_bytes(struct.pack("<Q", len(header) + more) + header)
    if more:
        with pytest.raises(UserError, match="header is longer"):
            detect(tmp_path / "a")
    else:
        assert detect(tmp_path / "a") is Kind.SAFETENSORS


@pytest.mark.parametrize("protocol", range(8))
def test_protocols_of_pickles(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "a").write_bytes(bytes([0x80, protocol]) + b"}.")
    if protocol in (2, 3, 4, 5):
        assert detect(tmp_path / "a") is Kind.PICKLE
    else:
        with pytest.raises(UserError, match="unknown content"):
            detect(tmp_path / "a")


@pytest.mark.parametrize("before", [b"P", b"PK\3\4 of another archive"])
def test_bytes_before_the_archive(tmp_path: Path, before: bytes) -> None:
    """zipfile reads past them."""
    state_dict(tmp_path / "a.pth")
    data = (tmp_path / "a.pth").read_bytes()
    (tmp_path / "a.pth").write_bytes(before + data)
    with pytest.raises(UserError):
        detect(tmp_path / "a.pth")


def test_names_with_zeros(tmp_path: Path) -> None:
    """zipfile cuts them there, torch's reader does not."""
    state_dict(tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth", "a") as archive:
        archive.writestr("a/data/x_evil", "x")
    data = (tmp_path / "a.pth").read_bytes().replace(b"x_evil", b"x\0evil")
    (tmp_path / "a.pth").write_bytes(data)
    with pytest.raises(UserError, match="leaves the archive"):
        detect(tmp_path / "a.pth")


@pytest.mark.parametrize(
    "name", ["a/constants.pkl", "a/code/x.py", "a/b..c", "a/.../b", "a/\u00e4"]
)
def test_parts_that_are_no_matter(tmp_path: Path, name: str) -> None:
    state_dict(tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth", "a") as archive:
        archive.writestr(name, "x")
    assert detect(tmp_path / "a.pth") is Kind.PICKLE


def test_text_that_deflates_well(tmp_path: Path) -> None:
    """As the code of TorchScript does: 20 times the file and 4 MiB more are taken."""
    state_dict(tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data/9", bytes((4 << 20) + 40_000))
    assert detect(tmp_path / "a.pth") is Kind.PICKLE


def test_an_empty_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w"):
        pass
    with pytest.raises(UserError, match="not one of PyTorch's"):
        detect(tmp_path / "a.zip")
