"""A source and the options of its build in, what model.json says of both out.

Who builds a package again needs the same files and the same options. Files go by name and hash:
where they lie, and when this was, is nobody's business, and equal builds give equal packages.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from wasm_torch_web.extras import Extras
from wasm_torch_web.quantize.spec import Spec
from wasm_torch_web.sources import Options, Source

CHUNK = 1 << 20


def provenance(
    source: Source,
    options: Options,
    dynamic: Sequence[str],
    extras: Extras | None = None,
    quantize: Spec | None = None,
) -> dict[str, Any]:
    """The entry `provenance` of model.json; `options` are words of the command line."""
    extras = extras or Extras()
    files = (*source.files, *_named_files(options), *extras.files())
    words = (*_words(options, dynamic), *extras.words(), *(quantize.words() if quantize else ()))
    return {
        "python": platform.python_version(),
        "source": _text(source.name),
        "files": [_described(path) for path in dict.fromkeys(files)],
        "options": [_text(word) for word in words],
    }


def _named_files(options: Options) -> Iterator[Path]:
    """The files that options name: a factory's code, arrays of example inputs."""
    if options.model is not None and (factory := _place(options.model)).is_file():
        yield factory
    for spec in options.inputs:
        text = spec.partition("=")[2].strip()
        if text.startswith("@"):
            yield Path(text[1:])


def _words(options: Options, dynamic: Sequence[str]) -> Iterator[str]:
    """As they were given, paths cut down to names."""
    if options.model is not None:
        yield from ("--model", f"{_place(options.model).name}:{options.model.rpartition(':')[2]}")
    for spec in options.inputs:
        name, _, text = (part.strip() for part in spec.partition("="))
        text = f"@{Path(text[1:]).name}" if text.startswith("@") else text
        yield from ("--input", f"{name}={text}")
    for module in options.imports:
        yield from ("--import", module)
    for axis in dynamic:
        yield from ("--dynamic", axis)
    if options.trust_pickle:
        yield "--trust-pickle"


def _place(model: str) -> Path:
    """What holds the factory: a Python file, or a module's dotted name."""
    return Path(model.rpartition(":")[0])


def _described(path: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(CHUNK):
            digest.update(part)
        name = _text(path.name)
        return {"name": name, "bytes": file.tell(), "sha256": digest.hexdigest()}


def _text(word: str) -> str:
    """What JSON can hold: a file's name may be no Unicode."""
    return word.encode(errors="replace").decode()
