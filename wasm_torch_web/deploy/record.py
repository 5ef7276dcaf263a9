"""deploy.json: what was written, with its hashes; whether a folder is still as it was written.

People edit what they deploy, and put their certificates beside it: a folder is replaced only where
nothing of theirs would be lost.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wasm_torch_web import __version__
from wasm_torch_web.deploy.deployment import Deployment
from wasm_torch_web.errors import UserError
from wasm_torch_web.format.manifest import GENERATOR, file_sha256

FILE = "deploy.json"


def write(folder: Path, kind: str, deployment: Deployment) -> int:
    """Writes it, last of all; gives the number of files."""
    hashes = {name: file_sha256(folder / name) for name in _names(folder)}
    told: dict[str, Any] = {"generator": {"name": GENERATOR, "version": __version__}, "kind": kind}
    told |= {**deployment.to_json(), "files": hashes}
    (folder / FILE).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return len(hashes) + 1


def is_unchanged(folder: Path) -> bool:
    """Whether this tool wrote the folder. Raises UserError out-edited where a file was changed or
    added since."""
    try:
        told = json.loads((folder / FILE).read_bytes())
        ours, hashes = bool(told["generator"]["name"] == GENERATOR), dict(told["files"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False
    for name in _names(folder) if ours else ():
        if hashes.get(name) != file_sha256(folder / name):
            raise UserError("out-edited", path=folder, file=name)
    return ours


def _names(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(set(path.relative_to(folder).as_posix() for path in paths) - {FILE})
