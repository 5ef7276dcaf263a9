"""The manifest in, the package's entry points out: index.js, index.node.js, index.cjs, copy.js."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from wasm_torch_web.bundle.names import bare
from wasm_torch_web.bundle.templates import fill
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.oldest import NODE
from wasm_torch_web.tokenizer import FILE as TOKENIZER
from wasm_torch_web.variants import VARIANTS

WASM = tuple(f"runtime-{variant}.wasm" for variant in VARIANTS)
WORKER = "worker.js"
SCRIPTS = ("loader.js", "loader.node.js", WORKER)
# What a page needs besides the assets when it is served without a bundler.
PAGE_FILES = ("index.js", "loader.js")
# What headers/service-worker.js keeps by hash: the loader keeps plan and weights itself, and
# model.json and index.js change once more, when the package has been verified.
OFFLINE = ("loader.js", WORKER, *WASM)


def assets(manifest: Manifest) -> list[str]:
    """The files that are fetched at run time, each named literally in index.js."""
    return [manifests.FILE, *manifests.files(manifest), *WASM, WORKER]


def write(folder: Path, manifest: Manifest) -> None:
    """Writes the four entry points."""
    listed = "\n".join(
        f"  '{name}': new URL('./{name}', import.meta.url),"
        for name in assets(manifest)
        if name != WORKER
    )
    for name in ("index.js", "index.node.js"):
        (folder / name).write_text(fill(name, assets=listed), encoding="utf-8")
    (folder / "index.cjs").write_text(fill("index.cjs"), encoding="utf-8")
    carried = [TOKENIZER] if (folder / TOKENIZER).is_file() else []
    copied = json.dumps([*PAGE_FILES, *assets(manifest), *carried], indent=2)
    command = folder / "copy.js"
    command.write_text(fill("copy.js", files=copied, name=manifest["name"]), encoding="utf-8")
    command.chmod(0o755)


def package_json(manifest: Manifest, hashes: dict[str, str | None]) -> str:
    """package.json: ESM first, a CommonJS entry for Node, types beside each.

    `hashes` has every file, with the SHA-256 of those that model.json says nothing of.
    """
    browser = {"types": "./index.d.ts", "default": "./index.js"}
    node = {
        "require": {"types": "./index.d.cts", "default": "./index.cjs"},
        "default": {"types": "./index.d.ts", "default": "./index.node.js"},
    }
    fields: dict[str, Any] = {
        "name": manifest["name"],
        "version": manifest["version"],
        "description": "A PyTorch model that runs in any browser",
        "keywords": ["machine-learning", "pytorch", "webassembly"],
        **{name: manifest[name] for name in ("license", "author") if name in manifest},
        "type": "module",
        "sideEffects": False,
        "exports": {
            ".": {"node": node, "browser": browser, "default": browser},
            "./model.json": "./model.json",
            "./package.json": "./package.json",
            **({f"./{TOKENIZER}": f"./{TOKENIZER}"} if TOKENIZER in hashes else {}),
        },
        "main": "./index.cjs",
        "module": "./index.js",
        "types": "./index.d.cts",
        "bin": {bare(manifest["name"]): "copy.js"},  # npm warns of "./"
        "files": list(hashes),
        "engines": {"node": f">={'.'.join(map(str, NODE))}"},
        manifests.GENERATOR: {"sha256": {name: h for name, h in hashes.items() if h}},
    }
    return json.dumps(fields, indent=2) + "\n"


def offline_files(folder: Path) -> str:
    """Name and SHA-256 of what a service worker keeps, as an object literal of JavaScript."""
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in OFFLINE}
    lines = "".join(f"      '{name}': '{digest}',\n" for name, digest in hashes.items())
    return f"{{\n{lines}    }}"
