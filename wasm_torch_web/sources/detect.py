"""A path in, the kind of source it is out: told by content, never by name."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from enum import Enum
from pathlib import Path

from wasm_torch_web.errors import UserError


class Kind(Enum):
    """The kinds of sources, in the words of messages."""

    EXPORT = "torch.export archive"
    TORCHSCRIPT = "TorchScript archive"
    PICKLE = "PyTorch checkpoint"
    SAFETENSORS = "safetensors file"
    SHARDS = "safetensors index"
    HUGGING_FACE = "Hugging Face folder"


END_RECORD_BYTES = 22  # without a comment; PyTorch writes none
INDEX = "model.safetensors.index.json"

# Beginnings of files that users take for models, and what to tell them.
_FOREIGN = (
    (b"version https://git-lfs", "a Git LFS pointer: fetch the file itself with `git lfs pull`"),
    (b"<", "an HTML or XML page: the download went wrong"),
    (b"\x89HDF", "an HDF5 file, as Keras writes"),
    (b"GGUF", "a GGUF file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x1f\x8b", "a gzip file: unpack it first"),
    (b"\x08", "perhaps an ONNX model"),
)


def detect(path: Path, has_model: bool = False) -> Kind:
    """What `path` holds; with `has_model` a folder of shards is weights for that model.

    Raises UserError source-missing, source-empty, source-damaged or source-unknown.
    """
    if not path.exists():
        raise UserError("source-missing", path=path)
    if path.is_dir():
        return _folder(path, has_model)
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise UserError("source-empty", path=path)
    if head.startswith(b"PK"):
        return _zip(path)
    if head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5"):  # PROTO of a pickle
        return Kind.PICKLE
    if head[:1] == b"{":
        return _json(path)
    if len(head) > 8 and head[8:9] == b"{":
        (header,) = struct.unpack("<Q", head[:8])
        if header > path.stat().st_size - 8:
            reason = "its header is longer than the file"
            raise UserError("source-damaged", path=path, kind=Kind.SAFETENSORS.value, reason=reason)
        return Kind.SAFETENSORS
    reason = next((text for magic, text in _FOREIGN if head.startswith(magic)), "unknown content")
    raise UserError("source-unknown", path=path, reason=reason)


def _folder(path: Path, has_model: bool) -> Kind:
    if has_model and (path / INDEX).is_file():
        return Kind.SHARDS
    if (path / "config.json").is_file():
        return Kind.HUGGING_FACE
    if (path / INDEX).is_file():
        return Kind.SHARDS
    raise UserError("source-unknown", path=path, reason="a folder without config.json")


def _json(path: Path) -> Kind:
    try:
        document = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict) and isinstance(document.get("weight_map"), dict):
        return Kind.SHARDS
    raise UserError("source-unknown", path=path, reason="JSON without a weight_map")


def _zip(path: Path) -> Kind:
    parts = check_zip(path)
    names = {name.partition("/")[2] for name in parts}
    if "archive_format" in names:
        return Kind.EXPORT
    if "constants.pkl" in names and any(name.startswith("code/") for name in names):
        return Kind.TORCHSCRIPT
    if "data.pkl" in names:
        return Kind.PICKLE
    reason = "a zip archive, but not one of PyTorch's"
    if any(name.startswith("serialized_exported_program") for name in parts):
        reason = "a torch.export archive of PyTorch 2.7 or older: load and save it with a newer one"
    raise UserError("source-unknown", path=path, reason=reason)


def check_zip(path: Path) -> list[str]:
    """The names in a zip archive, once they and the sizes and checksums are found harmless.

    Raises UserError source-damaged: truncated or flipped bits, duplicate names, names that leave
    the archive, or parts that inflate to far more than the file.
    """
    reason = ""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            reason = _framed(path, parts) or _unsound(parts, path.stat().st_size)
            reason = reason or _corrupt(archive, parts)
    except (zipfile.BadZipFile, OSError, ValueError, struct.error, NotImplementedError) as error:
        reason = f"not a whole zip archive ({str(error).rstrip('.')})"
    if reason:
        raise UserError("source-damaged", path=path, kind="zip archive", reason=reason)
    return [part.filename for part in parts]


def _framed(path: Path, parts: list[zipfile.ZipInfo]) -> str:
    """An archive is the whole file, from the first byte to the end record: zipfile would also find
    one inside a truncated file, such as the sample inputs of a torch.export archive."""
    with path.open("rb") as file:
        file.seek(-min(END_RECORD_BYTES, path.stat().st_size), os.SEEK_END)
        end = file.read(4)
    if end != b"PK\5\6" or (parts and min(part.header_offset for part in parts) != 0):
        return "bytes before or after the archive"
    return ""


def _unsound(parts: list[zipfile.ZipInfo], file_bytes: int) -> str:
    # orig_filename keeps what ZipInfo cuts at a NUL byte.
    names = [part.orig_filename for part in parts]
    if len(set(names)) != len(names):
        return "two of its parts have one name"
    for name in names:
        if name.startswith("/") or "\\" in name or ".." in name.split("/") or "\0" in name:
            return f"the part {name!r} has a name that leaves the archive"
    # PyTorch stores tensors as they are and deflates source code only (about 1 : 8).
    inflated = sum(part.file_size for part in parts)
    if inflated > 20 * file_bytes + (4 << 20):
        return f"its parts inflate to {inflated:,} bytes, {inflated // file_bytes} times the file"
    return ""


def _corrupt(archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo]) -> str:
    for part in parts:
        if part.CRC == 0:  # torch.serialization.set_crc32_options(False), or empty
            continue
        try:
            with archive.open(part) as stream:
                while stream.read(1 << 20):
                    pass
        except (zipfile.BadZipFile, EOFError, RuntimeError, OSError) as error:
            return str(error).rstrip(".")
        except Exception as error:  # zlib.error: which module inflates depends on the method
            return f"{part.filename}: {error}"
    return ""
