"""What a user hands over (a path, a module, a program) in, a `Source` out; safe by default.

A path is told apart by its content (`detect`); each kind has its reader, and nothing that would
run code from a file is loaded unless the user said `--trust-pickle`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from wasm_torch_web.sources import (
    archive,
    checkpoint,
    factory,
    huggingface,
    objects,
    torchscript,
)
from wasm_torch_web.sources.detect import Kind, detect
from wasm_torch_web.sources.source import Options, Source

_READERS: dict[Kind, Callable[[Path, Options], Source]] = {
    Kind.EXPORT: archive.read,
    Kind.TORCHSCRIPT: torchscript.read,
    Kind.PICKLE: checkpoint.read_pickle,
    Kind.SAFETENSORS: checkpoint.read_safetensors,
    Kind.SHARDS: checkpoint.read_shards,
    Kind.HUGGING_FACE: huggingface.read,
}


def load(
    source: str | Path | torch.nn.Module | ExportedProgram,
    options: Options | None = None,
    example_inputs: Any = None,
) -> Source:
    """The module or program that `source` is or holds, with example inputs, ready to capture.

    Raises UserError for everything that is wrong with the source or the options.
    """
    options = options or Options()
    for module in options.imports:
        factory.import_registered(module)
    if isinstance(source, torch.nn.Module):
        return objects.from_module(source, example_inputs, options)
    if isinstance(source, ExportedProgram):
        return objects.from_program(source, example_inputs, options)
    path = Path(source)
    kind = detect(path, options.model is not None)
    found = _READERS[kind](path, options)
    found.files = _files(kind, path)
    return found


def _files(kind: Kind, path: Path) -> list[Path]:
    """What the reader of this kind reads."""
    if kind is Kind.SHARDS:
        index = checkpoint.index_of(path)
        return [index, *checkpoint.shards(index)]
    if kind is Kind.HUGGING_FACE:
        return huggingface.files(path)
    return [path]


__all__ = ["Kind", "Options", "Source", "detect", "load"]
