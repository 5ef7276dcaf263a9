"""The npm package: a folder with a model's files in, the same folder as a package out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from wasm_torch_web.bundle import entry, readme, types
from wasm_torch_web.bundle.names import check_name, check_version, suggest_name
from wasm_torch_web.bundle.staging import check_replaceable, staged
from wasm_torch_web.bundle.templates import FOLDER as TEMPLATES
from wasm_torch_web.bundle.templates import fill
from wasm_torch_web.card import FILE as CARD
from wasm_torch_web.errors import InternalError, UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import MIN_ASSET_BYTES, Manifest
from wasm_torch_web.tokenizer import FILE as TOKENIZER

__all__ = [
    "check_name",
    "check_replaceable",
    "check_version",
    "pack",
    "seal",
    "staged",
    "suggest_name",
]

RUNTIME = Path(__file__).parents[1] / "runtime"

Step = Callable[[Path, Manifest], None]


def pack(
    folder: Path,
    runtime: Path = RUNTIME,
    tokenizer: Path | None = None,
    card: Path | None = None,
) -> None:
    """Makes `folder`, which holds a whole model, a complete npm package.

    `tokenizer` is a tokenizer.json for it to carry: the model does not read it, pages may; `card`
    is a text about the model, for people.
    Raises UserError runtime-missing where the compiled runtime is not installed, name-invalid
    for a name or version that npm refuses.
    """
    manifest = manifests.read(folder)
    check_name(manifest["name"])
    check_version(manifest["version"])
    for step in steps(runtime, tokenizer, card):
        step(folder, manifest)


def steps(runtime: Path, tokenizer: Path | None, card: Path | None) -> tuple[Step, ...]:
    """What is done, in this order."""
    return (
        lambda folder, manifest: copy_runtime(folder, manifest, runtime),
        lambda folder, _: copy_given(folder, {TOKENIZER: tokenizer, CARD: card}),
        entry.write,
        write_types,
        write_readme,
        write_headers,
        write_package_json,
        check_assets,
    )


def seal(folder: Path, manifest: Manifest) -> None:
    """Writes model.json of a package anew, and what has its hash."""
    manifests.write(folder, manifest)
    entry.write(folder, manifest)
    write_package_json(folder, manifest)


def copy_runtime(folder: Path, manifest: Manifest, runtime: Path) -> None:
    """The compiled variants, the loaders, the extensions that this model asks for, and types."""
    extensions = entry.extensions(manifest)
    scripts = (*entry.SCRIPTS, *(f"{name}.js" for name in extensions))
    sources = {name: runtime / name for name in entry.WASM}
    sources |= {name: runtime / "js" / name for name in scripts}
    for name in ("runtime", *extensions):
        # CommonJS and ESM must not share a declaration file.
        types_file = runtime / "js" / f"{name}.d.ts"
        sources |= {f"{name}.d.ts": types_file, f"{name}.d.cts": types_file}
    for name, source in sources.items():
        if not source.is_file():
            raise UserError("runtime-missing", path=source)
        shutil.copyfile(source, folder / name)


def copy_given(folder: Path, given: dict[str, Path | None]) -> None:
    """What lay beside the model, by the name that it has in the package."""
    for name, source in given.items():
        if source is not None:
            shutil.copyfile(source, folder / name)


def write_types(folder: Path, manifest: Manifest) -> None:
    """index.d.ts and index.d.cts, typed for this model."""
    for name, commonjs in (("index.d.ts", False), ("index.d.cts", True)):
        (folder / name).write_text(types.declarations(manifest, commonjs), encoding="utf-8")


def write_readme(folder: Path, manifest: Manifest) -> None:
    """README.md."""
    carried = ((folder / name).is_file() for name in (TOKENIZER, CARD))
    (folder / "README.md").write_text(readme.readme(manifest, *carried), encoding="utf-8")


def write_headers(folder: Path, manifest: Manifest) -> None:
    """Recipes for the headers that switch on threads, and for hosts that send none."""
    (folder / "headers").mkdir(exist_ok=True)
    fields = {
        "name": manifest["name"],
        "version": manifest["version"],
        "folder": "model/",  # where `copy` puts them
        "files": entry.offline_files(folder),
    }
    for source in sorted((TEMPLATES / "headers").iterdir()):
        text = fill(f"headers/{source.name}", **fields)
        (folder / "headers" / source.name).write_text(text, encoding="utf-8")


def write_package_json(folder: Path, manifest: Manifest) -> None:
    """package.json; it lists every file, so that nothing else is ever published."""
    described = {manifests.FILE, *manifests.files(manifest)}
    hashes = {
        name: None if name in described else manifests.file_sha256(folder / name)
        for name in sorted(_names(folder) - {"package.json"})
    }
    (folder / "package.json").write_text(entry.package_json(manifest, hashes), encoding="utf-8")


def _names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def check_assets(folder: Path, manifest: Manifest) -> None:
    """Bundlers inline small assets: then a Content-Security-Policy blocks them."""
    for name in entry.assets(manifest):
        size = (folder / name).stat().st_size
        if size < MIN_ASSET_BYTES:
            raise InternalError("internal", reason=f"{name} has only {size} bytes")
