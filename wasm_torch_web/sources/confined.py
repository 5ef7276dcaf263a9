"""A stranger's program in, what a process that may crash has made of it out."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram

from wasm_torch_web.errors import UserError
from wasm_torch_web.sources import archive
from wasm_torch_web.sources.detect import Kind
from wasm_torch_web.sources.source import Options

ASKED, RECORDED = "asked.json", "recorded.pt"
FACTS, PROGRAM, ARGUMENTS = "facts.json", "program.pt2", "arguments.pt"
COMMAND = (sys.executable, "-W", "ignore", "-m", "wasm_torch_web.sources.torchscript_process")
SECONDS = 600


@dataclass(frozen=True)
class Script:
    """A TorchScript program, converted.

    Attributes:
        args: the example inputs, by position.
        names: of the arguments of forward.
        parameters: names of those tensors of the program that were parameters.
        training: whether a module of it was in training mode.
        ranges: as in `Source`.
    """

    program: ExportedProgram
    args: tuple[Any, ...]
    names: list[str]
    parameters: list[str]
    training: bool
    ranges: dict[str, tuple[float, float]]


def confined(path: Path, options: Options) -> Script:
    """What `torchscript_process` makes of the archive, within limits of time and, where the system
    has them, of memory. What it hands back is read as a stranger's archive is.

    Raises UserError source-damaged if it is ended or ends itself, and its errors.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = {
            "path": str(path.resolve()),
            "inputs": options.inputs,
            "imports": options.imports,
            "trust_pickle": options.trust_pickle,
        }
        (folder / ASKED).write_text(json.dumps(asked))
        torch.save(dict(options.recorded), folder / RECORDED)
        _run(path, folder)
        facts = json.loads((folder / FACTS).read_text())
        if "error" in facts:
            raise UserError.relayed(**facts["error"])
        program = archive.load(folder / PROGRAM)
        args = tuple(torch.load(folder / ARGUMENTS, weights_only=True))
        ranges = {name: (low, high) for name, (low, high) in facts.pop("ranges").items()}
        return Script(program, args, **facts, ranges=ranges)


def _run(path: Path, folder: Path) -> None:
    try:
        done = subprocess.run(
            [*COMMAND, folder],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise _damaged(path, f"reading it took more than {SECONDS} seconds") from None
    if done.returncode or not (folder / FACTS).is_file():
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise _damaged(path, f"the process that read it ended with {done.returncode}: {last[0]}")


def _damaged(path: Path, reason: str) -> UserError:
    return UserError("source-damaged", path=path, kind=Kind.TORCHSCRIPT.value, reason=reason)
