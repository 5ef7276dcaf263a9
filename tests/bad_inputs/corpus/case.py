"""A package with something changed: how its folder is made."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = Any
Content = bytes | None  # None: the file is missing


@dataclass(frozen=True)
class Case:
    """A package and its changed files.

    `same` says that a package which loads nevertheless must give the outputs of the valid one:
    what was changed does not say what is computed.
    """

    name: str
    package: Path
    files: Mapping[str, Content]
    same: bool = True

    def write(self, folder: Path) -> None:
        """All files of the package; links to those that are as they were."""
        folder.mkdir()
        for path in self.package.iterdir():
            if path.is_file() and path.name not in self.files:
                os.link(path, folder / path.name)
        for name, content in self.files.items():
            if content is not None:
                (folder / name).write_bytes(content)


def manifest_of(package: Path) -> Json:
    """A fresh copy."""
    return json.loads((package / "model.json").read_bytes())


def text_of(manifest: Json) -> bytes:
    """NaN stays NaN, half a surrogate pair an escape."""
    return json.dumps(manifest).encode()


def with_plan(package: Path, plan: bytes) -> dict[str, Content]:
    """Another plan, and a manifest that has its hash."""
    manifest = manifest_of(package)
    digest = hashlib.sha256(plan).hexdigest()
    manifest["plan"] |= {"bytes": len(plan), "sha256": digest}
    return {"plan.bin": plan, "model.json": text_of(manifest)}
