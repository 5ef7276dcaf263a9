"""Model files with a few things changed: they load as other readers load them, or have a code."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from support.models import write_archive

from fuzz.harness import Check, Fuzzer, coded
from fuzz.mutation import damaged, documents
from wasm_torch_web.sources import Kind, Options, detect, load

WEIGHTS = {
    "linear.weight": torch.randn(4, 3, generator=torch.Generator().manual_seed(0)),
    "linear.bias": torch.arange(4.0),
    "shift": torch.ones(4, dtype=torch.float64),
}
OPTIONS = Options(model="support.models:Net", inputs=("x=float32:2x3",))


def _saved(content: Any, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def _scripted() -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Sequential(torch.nn.Linear(3, 4))), file)
    return file.getvalue()


@st.composite
def zips(draw: Callable[..., Any], files: Sequence[bytes]) -> bytes:
    """An archive with one or two entries changed, removed, doubled or added."""
    parts = _parts(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(parts) - 1))
        name, content = parts[at]
        match draw(st.sampled_from(["content", "content", "json", "remove", "double", "name"])):
            case "content":
                parts[at] = (name, draw(damaged([content])))
            case "json" if name.endswith("json"):
                changed = json.dumps(draw(documents([json.loads(content)])))
                parts[at] = (name, changed.encode())
            case "remove" if len(parts) > 1:
                del parts[at]
            case "double":
                parts.append((name, content))
            case _:
                parts[at] = (
                    draw(st.sampled_from(["../x", "archive/code/a.py", "x" * 300])),
                    content,
                )
    return _zip(parts, draw(st.sampled_from([zipfile.ZIP_STORED] * 4 + [zipfile.ZIP_DEFLATED])))


def _parts(content: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def _zip(parts: Sequence[tuple[str, bytes]], method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in parts:
            archive.writestr(name, content)
    return file.getvalue()


@st.composite
def safetensors(draw: Callable[..., Any], files: Sequence[bytes]) -> bytes:
    """A file with another header, of the right length or not."""
    content = draw(st.sampled_from(files))
    (length,) = struct.unpack_from("<Q", content)
    header = json.dumps(draw(documents([json.loads(content[8 : 8 + length])]))).encode()
    claimed = len(header) + draw(st.sampled_from([0] * 8 + [-1, 1, 1 << 40, (1 << 64) - 99999]))
    return struct.pack("<Q", claimed % (1 << 64)) + header + content[8 + length :]


@contextmanager
def _open(folder: Path) -> Iterator[tuple[SearchStrategy[Any], Check]]:
    archive = write_archive(folder / "whole.pt2").read_bytes()
    zipped = [_saved(WEIGHTS), _saved({"state_dict": WEIGHTS, "epoch": 3})]
    legacy = [_saved(WEIGHTS, zipped=False), pickle.dumps({"a": [1, (2.0, "b")]}, protocol=2)]
    plain = [save_safetensors(WEIGHTS)]
    scripted = [_scripted()]
    examples = st.one_of(
        damaged([*zipped, *legacy, *plain, archive, *scripted]),
        damaged(legacy),
        zips(zipped),
        zips([archive]),
        safetensors(plain),
    )
    path = folder / "model.pth"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        if coded(lambda: detect(path)) == "ok" and detect(path) is Kind.TORCHSCRIPT:
            return  # a process each: `torchscript` is for those
        found: list[Any] = []
        if coded(lambda: found.append(load(path, OPTIONS))) == "ok":
            _compare(content, found[0].module)

    yield examples, check


def _compare(content: bytes, module: torch.nn.Module | None) -> None:
    """What was loaded is what the libraries of these formats read."""
    if module is None:
        return
    if content.startswith(b"PK") or content[:1] == b"\x80":
        read: Any = torch.load(io.BytesIO(content), weights_only=True)
    else:
        read = load_safetensors(content)
    expected: Mapping[str, torch.Tensor] = read.get("state_dict", read)
    for (_, given), tensor in zip(
        sorted(module.state_dict().items()), (expected[k] for k in sorted(expected)), strict=True
    ):
        assert torch.equal(given, tensor.to(given.dtype)) or bool(tensor.isnan().any())


FUZZER = Fuzzer("sources", _open, ("/wasm_torch_web/sources/",))
