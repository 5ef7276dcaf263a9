"""model.json: a package folder in, its validated manifest out; and the other way round.

The schema file beside this module is the definition, shared with the TypeScript loader; `rules` are
the checks that a schema cannot say.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from pathlib import Path
from typing import Any

from wasm_torch_web.errors import InternalError, UserError
from wasm_torch_web.format import rules
from wasm_torch_web.format.schema import Check, checker

Manifest = dict[str, Any]

FILE = "model.json"
GENERATOR = "wasm-torch-web"
FORMAT = 4  # changes to any file of the format
ABI = 5  # changes that a compiled runtime would not understand
MAX_BYTES = 1 << 25  # of model.json: what JSON of that size becomes in memory is bearable
# Bundlers inline assets under 4 KiB as `data:` addresses, which a Content-Security-Policy blocks;
# a multiple of 64, the largest alignment, so that padded files need no padding of their own.
MIN_ASSET_BYTES = 4096 + 64
_DIGITS = 20  # of numbers that may be beyond 64 bits: those are as exact as in JavaScript


def read(folder: Path) -> Manifest:
    """The manifest of a package whose files are all there, with the sizes it states.

    Raises UserError: package-missing, manifest-invalid, abi-mismatch, file-missing, file-corrupt.
    Hashes are checked by `content`, of every file by `verify.validate`.
    """
    path = folder / FILE
    if not path.is_file():
        raise UserError("package-missing", path=folder)
    manifest = _parse(path)
    _check_version(path, manifest)
    reason = fault(manifest)
    if reason is not None:
        raise UserError("manifest-invalid", path=path, reason=reason)
    for name, size in files(manifest).items():
        _check_file(folder / name, size)
    return manifest


def write(folder: Path, manifest: Manifest) -> None:
    """Writes model.json in one step (a reader sees the old or the new one)."""
    reason = fault(manifest)
    if reason is not None:
        raise InternalError("internal", reason=f"{FILE}: {reason}")
    text = json.dumps(manifest, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    data = text.encode()
    partial = folder / f".{FILE}.partial"
    partial.write_bytes(data + b"\n" * max(1, padding(len(data))))
    partial.replace(folder / FILE)


def padding(size: int) -> int:
    """Bytes that a file of `size` bytes needs more to stay a file under every bundler."""
    return max(0, MIN_ASSET_BYTES - size)


def files(manifest: Manifest) -> dict[str, int]:
    """Name -> bytes of the files that a manifest describes (golden data once it is there)."""
    described = [manifest["plan"], *manifest["weights"]["shards"]]
    if manifest.get("golden"):
        described.append(manifest["golden"])
    return {entry["file"]: entry["bytes"] for entry in described}


def file_sha256(path: Path) -> str:
    """Of all of a small file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def content(folder: Path, entry: dict[str, Any]) -> bytes:
    """All of a file that has one hash (the plan, golden data), as it was built.

    Raises UserError: file-missing, file-corrupt.
    """
    path = Path(folder, entry["file"])
    _check_file(path, entry["bytes"])
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise UserError("file-corrupt", path=path, reason="the file is damaged")
    return data


def is_ours(folder: Path) -> bool:
    """Whether this tool wrote the folder: the question before anything is replaced."""
    try:
        manifest = json.loads((folder / FILE).read_bytes())
        return bool(manifest["generator"]["name"] == GENERATOR)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


@functools.cache
def schema() -> dict[str, Any]:
    """The JSON Schema of model.json."""
    text = Path(__file__).with_name("manifest.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@functools.cache
def _checker() -> Check:
    return checker(schema())


def fault(manifest: Manifest) -> str | None:
    """What is wrong with it first, if anything; rules rely on the schema."""
    return _checker()(manifest) or next(rules.faults(manifest), None)


def _parse(path: Path) -> Manifest:
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        reason = f"larger than {MAX_BYTES} bytes"
        raise UserError("manifest-invalid", path=path, reason=reason)
    try:
        text = data.decode("utf-8-sig")
        manifest = json.loads(text, parse_int=_integer, parse_float=_real, parse_constant=_real)
    except (ValueError, RecursionError) as error:
        raise UserError("manifest-invalid", path=path, reason=f"not JSON: {error}") from error
    if not isinstance(manifest, dict):
        raise UserError("manifest-invalid", path=path, reason="not a JSON object")
    return manifest


def _integer(text: str) -> float | int:
    return int(text) if len(text) < _DIGITS else _real(text)


def _real(text: str) -> float | int:
    """A finite number; 1.0 becomes 1, as it is in JavaScript."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is not a number of JSON")
    return int(value) if value.is_integer() else value


def _check_version(path: Path, manifest: Manifest) -> None:
    """Versions come before the schema: a newer file would fail it in confusing ways."""
    if manifest.get("format") != FORMAT:
        reason = f"format {_number(manifest.get('format'))}, this tool reads format {FORMAT}"
        raise UserError("manifest-invalid", path=path, reason=reason)
    if manifest.get("abi") != ABI:
        raise UserError("abi-mismatch", needed=_number(manifest.get("abi")), found=ABI)


def _number(value: object) -> object:
    return value if type(value) in (int, float) else type(value).__name__


def _check_file(path: Path, size: int) -> None:
    if not path.is_file():
        raise UserError("file-missing", path=path)
    found = path.stat().st_size
    if found != size:
        raise UserError("file-corrupt", path=path, reason=f"{found} bytes, expected {size}")
