"""This very installation in, a wheel of it out: an image serves with the tool that wrote it.

It names no dependencies: those of `serve` are the image's requirements.txt, without PyTorch.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path

import wasm_torch_web
from wasm_torch_web import __version__

PACKAGE = Path(wasm_torch_web.__file__).parent
INFO = f"wasm_torch_web-{__version__}.dist-info"
TAG = "py3-none-any"
TEXTS = {
    "METADATA": f"Metadata-Version: 2.4\nName: wasm-torch-web\nVersion: {__version__}\n"
    "License-Expression: Apache-2.0\n",
    "WHEEL": f"Wheel-Version: 1.0\nGenerator: wasm-torch-web\nRoot-Is-Purelib: true\nTag: {TAG}\n",
    "entry_points.txt": "[console_scripts]\nwasm-torch-web = wasm_torch_web.cli:main\n",
}
TIME = (1980, 1, 1, 0, 0, 0)  # the same installation makes the same file


def write(folder: Path) -> Path:
    """The wheel in this folder."""
    files = {name: path.read_bytes() for name, path in _sources().items()}
    files |= {f"{INFO}/{name}": text.encode() for name, text in TEXTS.items()}
    rows = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in files.items()]
    record = f"{INFO}/RECORD"
    files[record] = "\n".join([*rows, f"{record},,", ""]).encode()
    folder.mkdir(parents=True)
    path = folder / f"wasm_torch_web-{__version__}-{TAG}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, TIME)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
            archive.writestr(entry, data)
    return path


def _sources() -> dict[str, Path]:
    paths = (path for path in PACKAGE.rglob("*") if path.is_file())
    kept = (path for path in paths if "__pycache__" not in path.parts)
    return {path.relative_to(PACKAGE.parent).as_posix(): path for path in sorted(kept)}


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
