"""Packages in, a folder of static files out: their demo pages, for any host.

Every page has a service worker, so that hosts that send no headers give it threads too; a `.br` and
a `.gz` lie beside what shrinks, for servers that send those.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import brotli

from wasm_torch_web import tokenizer
from wasm_torch_web.bundle import entry
from wasm_torch_web.bundle.templates import fill
from wasm_torch_web.deploy import headers
from wasm_torch_web.deploy.deployment import Deployment, Placed
from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.serving import DEMO, several
from wasm_torch_web.serving.files import COMPRESSED, COMPRESSED_BYTES

WORKER = "service-worker.js"
SCRIPT = f'<script src="{WORKER}"></script>'
HEAD = '<meta charset="utf-8" />'
PLAN = "plan.bin"
QUALITY = 9  # of 11, which takes sixteen times as long for a tenth less


def write(folder: Path, deployment: Deployment) -> None:
    """The site. Raises UserError runtime-missing, file-corrupt, file-missing."""
    if not (DEMO / "index.html").is_file():
        raise UserError("runtime-missing", path=DEMO)
    for model in deployment.models:
        write_page(folder / model.page, model)
    if len(deployment.models) > 1:
        listing = several.listing([model.manifest for model in deployment.models])
        (folder / "index.html").write_text(listing, encoding="utf-8")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and _shrinks(path):
            compress(path)
    headers.write(folder)
    (folder / ".nojekyll").touch()  # GitHub Pages: files as they are


def write_page(folder: Path, model: Placed) -> None:
    """The demo page with its service worker and hints, and the package beside it."""
    shutil.copytree(DEMO, folder, dirs_exist_ok=True)
    page = folder / "index.html"
    text = page.read_text(encoding="utf-8")
    page.write_text(text.replace(HEAD, f"{HEAD}\n    {SCRIPT}", 1), encoding="utf-8")
    package = folder / "package"
    copy_package(model.package, package)
    fields = {key: model.manifest[key] for key in ("name", "version")}
    fields |= {"folder": "package/", "files": entry.offline_files(package)}
    (folder / WORKER).write_text(fill(f"headers/{WORKER}", **fields), encoding="utf-8")
    has_tokenizer = (package / tokenizer.FILE).is_file()
    hints = {"tokenizer": f"package/{tokenizer.FILE}"} if has_tokenizer else {}
    (folder / "hints.json").write_text(json.dumps(hints) + "\n", encoding="utf-8")


def copy_package(source: Path, target: Path) -> None:
    """What package.json lists, and nothing else that may lie there: links are not followed.

    Raises UserError file-corrupt, file-missing.
    """
    listed = {*_listed(source / "package.json"), "package.json"}
    for folder, _, names in os.walk(source):
        for path in (Path(folder, name) for name in names):
            name = path.relative_to(source).as_posix()
            if name in listed and path.is_file() and not path.is_symlink():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target / name)
    manifests.read(target)
    for name in sorted(listed):
        if not (target / name).is_file():
            raise UserError("file-missing", path=source / name)


def _shrinks(path: Path) -> bool:
    kind = path.suffix in COMPRESSED or path.name == PLAN
    return kind and path.stat().st_size >= COMPRESSED_BYTES.start


def compress(path: Path) -> None:
    """FILE.br and FILE.gz."""
    data = path.read_bytes()
    path.with_name(f"{path.name}.br").write_bytes(brotli.compress(data, quality=QUALITY))
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(data, 9, mtime=0))


def _listed(path: Path) -> list[str]:
    if not path.is_file():
        raise UserError("file-missing", path=path)
    try:
        files = json.loads(path.read_bytes())["files"]
        return [str(name) for name in files]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError("file-corrupt", path=path, reason="it lists no files") from error
