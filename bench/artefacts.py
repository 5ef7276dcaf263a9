"""A model's name in, the files that the systems load out, each made once for its content.

build/bench/models/NAME/ holds inputs.bin and outputs.bin (what PyTorch takes and gives), package/,
model.onnx and model.tflite. Beside each lies its key: a hash of all it was made from.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch
from common import BUILD, content_hash

from bench import ROOT, peers
from bench.models import MODELS, make
from bench.models.model import Model
from wasm_torch_web import bundle, pipeline
from wasm_torch_web.errors import WtwError
from wasm_torch_web.verify import exchange
from wasm_torch_web.verify.reference import Flat

FOLDER = BUILD / "bench" / "models"
LIBRARIES = ("torch", "torchvision", "timm", "transformers")
TOOL = ROOT / "wasm_torch_web"
# What decides how a model is compiled; the rest only decides how it is packed.
COMPILER = ("capture", "format", "ops", "passes", "sources")
FILES = {"reference": "outputs.bin", "package": "package", "onnx": "model.onnx"}
FILES["tflite"] = "model.tflite"


class Unavailable(Exception):
    """An artefact that could not be made, and why."""


def path(name: str, artefact: str) -> Path:
    """Where an artefact lies."""
    return FOLDER / name / FILES[artefact]


def prepare(name: str, artefact: str) -> Path:
    """The artefact, made now unless it is there. Raises Unavailable, also if it failed before."""
    target = path(name, artefact)
    target.parent.mkdir(parents=True, exist_ok=True)
    stamp, failure = (target.with_name(f"{target.name}.{end}") for end in ("key", "failed"))
    key = KEYS[artefact](name)
    if not (stamp.is_file() and stamp.read_text() == key):
        failure.unlink(missing_ok=True)
        try:
            MAKERS[artefact](name, target)
        except (Unavailable, WtwError) as error:
            failure.write_text(str(error))
        stamp.write_text(key)
    if failure.is_file():
        raise Unavailable(failure.read_text())
    if artefact == "package":
        _pack(name, target)
    return target


def inputs(name: str) -> bytes:
    """The model's inputs as a message (verify/exchange.py)."""
    return path(name, "reference").with_name("inputs.bin").read_bytes()


def expected(name: str) -> Flat:
    """PyTorch's outputs."""
    return exchange.decode(path(name, "reference").read_bytes())


def _reference(name: str, target: Path) -> None:
    model = make(name)
    names = inspect.signature(model.module.forward).parameters
    given = dict(zip(names, model.args, strict=False))  # the rest are optional
    target.with_name("inputs.bin").write_bytes(exchange.encode(given))
    with torch.inference_mode():
        target.write_bytes(exchange.encode(flat(model.module(*model.args))))


def flat(result: torch.Tensor | tuple[torch.Tensor, ...]) -> Flat:
    """Outputs by their number."""
    results = (result,) if isinstance(result, torch.Tensor) else result
    return {str(number): value for number, value in enumerate(results)}


def _package(name: str, target: Path) -> None:
    model = make(name)
    pipeline.build(
        model.module,
        model.args,
        out=target,
        name=name.replace("_", "-"),
        dynamic=model.dynamic,
        verify=False,
        force=True,
    )


def _pack(name: str, folder: Path) -> None:
    """The runtime changes more often than the compiler: it is laid anew into the package."""
    stamp = folder.with_name("packed.key")
    key = content_hash([*_sources("bundle"), *_files(TOOL / "runtime"), _package_key(name)])
    if not (stamp.is_file() and stamp.read_text() == key):
        bundle.pack(folder)
        stamp.write_text(key)


def _convert(kind: str) -> Callable[[str, Path], None]:
    def convert(name: str, target: Path) -> None:
        target.unlink(missing_ok=True)
        command = [str(peers.PYTHON), "-W", "ignore", "-m", "bench.peers.convert"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [*command, kind, name, str(target)],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not target.is_file():
            target.unlink(missing_ok=True)
            raise Unavailable(reason(done.stderr))

    return convert


def reason(said: str) -> str:
    """The last line of an error that says something."""
    lines = [line.strip() for line in said.splitlines()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Unsupported)\b", line)]
    return (errors or [line for line in lines if line] or ["failed"])[-1][:300]


@cache
def _model_key(name: str) -> str:
    """The model's own definition, which everything else depends on."""
    tests = ROOT / "tests" / "models"
    sources = [inspect.getfile(MODELS[name]), inspect.getfile(Model)]
    shared = [tests / "zoo.py", tests / "networks.py"]
    return content_hash([name, *map(Path, sources), *shared, *map(version, LIBRARIES)])


@cache
def _package_key(name: str) -> str:
    sources = [path for room in COMPILER for path in _sources(room)]
    return content_hash([*sources, *sorted(TOOL.glob("*.py")), _model_key(name)])


@cache
def _converted_key(name: str) -> str:
    files = [peers.FOLDER / name for name in ("convert.py", "requirements.txt")]
    return content_hash([*files, _model_key(name)])


def _sources(room: str) -> list[Path]:
    return sorted([*(TOOL / room).rglob("*.py"), *TOOL.glob(f"{room}.py")])


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts)


MAKERS: dict[str, Callable[[str, Path], None]] = {
    "reference": _reference,
    "package": _package,
    "onnx": _convert("onnx"),
    "tflite": _convert("tflite"),
}
KEYS: dict[str, Callable[[str], str]] = {
    "reference": _model_key,
    "package": _package_key,
    "onnx": _converted_key,
    "tflite": _converted_key,
}
