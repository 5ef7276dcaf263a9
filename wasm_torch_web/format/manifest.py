"""model.json: a package folder in, its validated manifest out; and the other way round.

The schema file beside this module is the definition, shared with the TypeScript loader; the checks
here are those that a schema cannot say (sums, extents, files).
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from wasm_torch_web.errors import InternalError, UserError
from wasm_torch_web.format.stored import pieces

Manifest = dict[str, Any]

FILE = "model.json"
GENERATOR = "wasm-torch-web"
FORMAT = 4  # changes to any file of the format
ABI = 5  # changes that a compiled runtime would not understand
# Bundlers inline assets under 4 KiB as `data:` addresses, which a Content-Security-Policy blocks;
# a multiple of 64, the largest alignment, so that padded files need no padding of their own.
MIN_ASSET_BYTES = 4096 + 64


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
    reason = next(_faults(manifest), None)
    if reason is not None:
        raise UserError("manifest-invalid", path=path, reason=reason)
    for name, size in files(manifest).items():
        _check_file(folder / name, size)
    return manifest


def write(folder: Path, manifest: Manifest) -> None:
    """Writes model.json in one step (a reader sees the old or the new one)."""
    reason = next(_faults(manifest), None)
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
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def _parse(path: Path) -> Manifest:
    try:
        manifest = json.loads(path.read_bytes(), parse_float=_real, parse_constant=_real)
    except (ValueError, RecursionError) as error:
        raise UserError("manifest-invalid", path=path, reason=f"not JSON: {error}") from error
    if not isinstance(manifest, dict):
        raise UserError("manifest-invalid", path=path, reason="not a JSON object")
    return manifest


def _real(text: str) -> float | int:
    """A finite number; 1.0 becomes 1, as it is in JavaScript."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a number of JSON")
    return int(value) if value.is_integer() else value


def _check_version(path: Path, manifest: Manifest) -> None:
    """Versions come before the schema: a newer file would fail it in confusing ways."""
    if manifest.get("format") != FORMAT:
        reason = f"format {manifest.get('format')}, this tool reads format {FORMAT}"
        raise UserError("manifest-invalid", path=path, reason=reason)
    if manifest.get("abi") != ABI:
        raise UserError("abi-mismatch", needed=manifest.get("abi"), found=ABI)


def _faults(manifest: Manifest) -> Iterator[str]:
    """What is wrong, worst first; the later rules rely on the earlier ones."""
    error = best_match(_validator().iter_errors(manifest))
    if error is not None:
        yield _explain(error)
        return
    weights = manifest["weights"]
    yield from _shard_faults(weights)
    for tensor in weights["tensors"]:
        if tensor["offset"] + tensor["bytes"] > weights["bytes"]:
            yield f"tensor {tensor['name']!r} reaches beyond the weights"
        if "storage" in tensor and tensor["dtype"] != "float32":
            yield f"tensor {tensor['name']!r} is stored as float16 and is no float32"
    names = [symbol["name"] for symbol in manifest["symbols"]]
    if len(set(names)) < len(names):
        yield "two symbols have the same name"


def _shard_faults(weights: dict[str, Any]) -> Iterator[str]:
    shards, block = weights["shards"], weights["blockBytes"]
    parts = pieces(weights)
    if any(part.bytes < 0 for part in parts):
        yield "weights that are stored as float16 overlap"
    if sum(shard["bytes"] for shard in shards) != sum(part.bytes for part in parts):
        yield "the shards' sizes do not add up to weights.bytes"
    for shard in shards:
        if len(shard["sha256"]) != -(-shard["bytes"] // block):
            yield f"{shard['file']} has not one hash for each block"
    if any(shard["bytes"] % block for shard in shards[:-1]):
        yield "a shard before the last is no multiple of blockBytes"


def _explain(error: ValidationError) -> str:
    where = error.json_path.removeprefix("$").removeprefix(".") or "the top level"
    message = error.message if len(error.message) <= 200 else f"{error.message[:200]} ..."
    return f"{where}: {message}"


def _check_file(path: Path, size: int) -> None:
    if not path.is_file():
        raise UserError("file-missing", path=path)
    found = path.stat().st_size
    if found != size:
        raise UserError("file-corrupt", path=path, reason=f"{found} bytes, expected {size}")
