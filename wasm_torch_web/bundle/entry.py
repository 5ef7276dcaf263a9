"""The manifest in, the package's entry points out: index.js, index.node.js, index.cjs, copy.js."""

from __future__ import annotations

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


# What reads a tokenizer.json: a package that carries one works without.
READER = "@huggingface/tokenizers"
TOKENIZER_READER = {
    "peerDependencies": {READER: ">=0.2.0"},
    "peerDependenciesMeta": {READER: {"optional": True}},
}


def assets(manifest: Manifest) -> list[str]:
    """The files that are fetched at run time, each named literally in index.js."""
    return [manifests.FILE, *manifests.files(manifest), *WASM, WORKER]


def extensions(manifest: Manifest) -> list[str]:
    """What the model has beside tensors: scripts of these names, which index.js imports."""
    forward = manifest["programs"]["forward"]
    kinds = {port.get("preprocess", {}).get("kind") for port in forward["inputs"]}
    wanted = {
        "images": "image" in kinds,
        "sounds": "audio" in kinds,
        "classes": any("classes" in port for port in forward["outputs"]),
    }
    return [name for name, needed in wanted.items() if needed]


def write(folder: Path, manifest: Manifest) -> None:
    """Writes the four entry points. The first two have the SHA-256 of the files that model.json
    says nothing of, except the worker: that is the only one which bundlers change."""
    names = extensions(manifest)
    imports = "".join(f"import {{ {name} }} from './{name}.js';\n" for name in names)
    fields = {
        "assets": "\n".join(_listed(folder, name) for name in assets(manifest) if name != WORKER),
        "imports": imports,
        "extensions": f", [{', '.join(names)}]" if names else "",
        "name": manifest["name"],
        "version": manifest["version"],
    }
    for name in ("index.js", "index.node.js"):
        (folder / name).write_text(fill(name, **fields), encoding="utf-8")
    (folder / "index.cjs").write_text(fill("index.cjs"), encoding="utf-8")
    carried = [TOKENIZER] if (folder / TOKENIZER).is_file() else []
    scripts = [f"{name}.js" for name in names]
    copied = json.dumps([*PAGE_FILES, *scripts, *assets(manifest), *carried], indent=2)
    command = folder / "copy.js"
    command.write_text(fill("copy.js", files=copied, name=manifest["name"]), encoding="utf-8")
    command.chmod(0o755)


def _listed(folder: Path, name: str) -> str:
    url = f"new URL('./{name}', import.meta.url)"
    if name not in (manifests.FILE, *WASM):
        return f"  '{name}': {url},"
    digest = manifests.file_sha256(folder / name)
    return f"  '{name}': [\n    {url},\n    '{digest}',\n  ],"


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
        **(TOKENIZER_READER if TOKENIZER in hashes else {}),
        "engines": {"node": f">={'.'.join(map(str, NODE))}"},
        manifests.GENERATOR: {"sha256": {name: h for name, h in hashes.items() if h}},
    }
    return json.dumps(fields, indent=2) + "\n"


def offline_files(folder: Path) -> str:
    """Name and SHA-256 of what a service worker keeps, as an object literal of JavaScript."""
    hashes = {name: manifests.file_sha256(folder / name) for name in OFFLINE}
    lines = "".join(f"      '{name}': '{digest}',\n" for name, digest in hashes.items())
    return f"{{\n{lines}    }}"
