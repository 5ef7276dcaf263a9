"""Files with inputs in, one item a run out; and outputs into files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from wasm_torch_web import arrays
from wasm_torch_web.engine import images, wav
from wasm_torch_web.engine.classes import Ports
from wasm_torch_web.engine.inputs import from_numbers
from wasm_torch_web.engine.records import NUMPY, SPECIAL, dtype_of, of_bfloat16
from wasm_torch_web.errors import UserError, summary

ARRAYS = (".npy", ".npz")
SUFFIXES = (".json", *ARRAYS)
LINES = ".jsonl"
# What files of these kinds become an input of, where the package prepares it.
PREPARED = {"image": images.SUFFIXES, "audio": wav.SUFFIXES}
READERS: dict[str, Callable[[Path], Any]] = {"image": images.read, "audio": wav.read}
PARTS = {"complex64": "float32", "complex128": "float64", "complex32": "float16"}
NAMES = {float("inf"): "inf", float("-inf"): "-inf"}


@dataclass(frozen=True)
class Item:
    """The inputs of one run, under a name for messages and results; read when asked for."""

    name: str
    path: Path
    line: str | None = None

    def inputs(self, ports: Ports) -> dict[str, Any]:
        """Values by name. Raises UserError run-input, pillow-missing."""
        if self.line is not None:
            return _named(self.name, _parsed(self.name, self.line), ports)
        return read(self.path, ports)


def ports_of(manifest: Mapping[str, Any], side: str) -> Ports:
    """The program's `inputs` or `outputs`, by name."""
    return {port["name"]: port for port in manifest["programs"]["forward"][side]}


def is_batch(path: Path) -> bool:
    """Whether a path stands for many runs: a folder or a .jsonl file."""
    return path.is_dir() or path.suffix == LINES


def items(path: Path, ports: Ports) -> list[Item]:
    """One for each line, or each file of a folder by name: pictures and sounds where the package
    prepares them.

    Raises UserError run-input where there are none.
    """
    if path.is_dir():
        kinds = {port["preprocess"]["kind"] for port in ports.values() if "preprocess" in port}
        known = [*SUFFIXES, *(suffix for kind in sorted(kinds) for suffix in PREPARED[kind])]
        files = sorted(path.iterdir())
        found = [Item(file.name, file) for file in files if file.suffix.lower() in known]
        if not found:
            raise UserError("run-input", path=path, reason=f"no {', '.join(known)} files in it")
        return found
    lines = _text(path).splitlines()
    found = [
        Item(f"{path.name}:{number}", path, line)
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not found:
        raise UserError("run-input", path=path, reason="it is empty")
    return found


def gathered(words: Sequence[str], ports: Ports) -> dict[str, Any]:
    """The inputs of one run from `FILE` and `NAME=FILE`. Raises UserError run-input,
    pillow-missing."""
    found: dict[str, Any] = {}
    for word in words:
        name, _, path = word.partition("=")
        if name in ports and path:
            found |= read(Path(path), {name: ports[name]})
        else:
            found |= read(Path(word), ports)
    return found


def read(path: Path, ports: Ports) -> dict[str, Any]:
    """The inputs in a file: what has no name is the model's only input, a picture or a sound the
    only one that is prepared from such.

    Raises UserError run-input, pillow-missing.
    """
    suffix = path.suffix.lower()
    for kind, suffixes in PREPARED.items():
        if suffix in suffixes:
            return {_taking(kind, path, ports): READERS[kind](path)}
    if suffix == ".json":
        return _named(str(path), _parsed(str(path), _text(path)), ports)
    if suffix not in ARRAYS:
        every = (*SUFFIXES, *images.SUFFIXES, *wav.SUFFIXES)
        raise UserError("run-input", path=path, reason=f"not one of {', '.join(every)}")
    try:
        found = arrays.read(path)
    except OSError as error:
        raise UserError("run-input", path=path, reason=error.strerror or str(error)) from error
    except ValueError as error:
        raise UserError("run-input", path=path, reason=error) from error
    return found if isinstance(found, dict) else _named(str(path), found, ports)


def _taking(kind: str, path: Path, ports: Ports) -> str:
    """The name of the input that takes it; of one alone whatever it takes, to say so later."""
    names = [name for name, port in ports.items() if port.get("preprocess", {}).get("kind") == kind]
    if not names and len(ports) == 1:
        names = [*ports]
    if len(names) != 1:
        many = f"name one of {', '.join(names)}" if names else "no input takes it"
        reason = f"{many} (build --preprocess {kind})"
        raise UserError("run-input", path=path, reason=reason)
    return names[0]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError("run-input", path=path, reason=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise UserError("run-input", path=path, reason="it is not UTF-8") from error


def _parsed(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError("run-input", path=name, reason=f"not JSON: {summary(error)}") from error


def _named(name: str, content: Any, ports: Ports) -> dict[str, Any]:
    dtypes = {key: dtype_of(port) for key, port in ports.items()}
    if isinstance(content, dict) and not {"data", "shape"} <= set(content):
        return {key: value_of(name, key, value, dtypes.get(key)) for key, value in content.items()}
    if len(dtypes) != 1:
        reason = f"it names no input, and the model has {len(dtypes)}: {', '.join(dtypes)}"
        raise UserError("run-input", path=name, reason=reason)
    [(only, dtype)] = dtypes.items()
    return {only: value_of(name, only, content, dtype)}


def value_of(name: str, key: str, value: Any, dtype: str | None) -> Any:
    """A number or an array as JSON has it: nested lists, or `{data, shape}` with a flat list."""
    if isinstance(value, numpy.ndarray) or dtype is None:
        return value
    shape: Sequence[int] | None = None
    if isinstance(value, dict):
        if not {"data", "shape"} <= set(value):
            reason = f"{key}: an object needs data and shape"
            raise UserError("run-input", path=name, reason=reason)
        value, shape = value["data"], value["shape"]
    if not isinstance(value, list) and shape is None:
        return SPECIAL.get(value, value) if isinstance(value, str) else value
    try:
        return _array(_numbers(value), shape, dtype)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise UserError("run-input", path=name, reason=f"{key}: {summary(error)}") from error


def _array(value: Any, shape: Sequence[int] | None, dtype: str) -> numpy.ndarray[Any, Any]:
    if shape is None:
        return from_numbers(value, dtype)
    if dtype.startswith("complex"):  # both parts in turn
        parts = from_numbers(value, PARTS[dtype]).reshape(*shape, 2)
        return parts if dtype == "complex32" else parts.view(NUMPY[dtype]).reshape(shape)
    return from_numbers(value, dtype).reshape(shape)


def _numbers(value: Any) -> Any:
    """Lists with "nan", "inf" and "-inf" as numbers."""
    if isinstance(value, list):
        return [_numbers(one) for one in value]
    return SPECIAL.get(value, value) if isinstance(value, str) else value


def write(path: Path, outputs: Mapping[str, Any], ports: Ports) -> None:
    """Outputs as .json (see `as_json`) or .npz; the file is whole or not there.

    Raises UserError out-unwritable.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            if path.suffix == ".npz":
                arrays = {name: numpy.asarray(value) for name, value in outputs.items()}
                numpy.savez(file, allow_pickle=False, **arrays)
            else:
                file.write(json.dumps(as_json(outputs, ports), allow_nan=False).encode())
        partial.replace(path)
    except OSError as error:
        raise UserError("out-unwritable", path=path, reason=error.strerror) from error
    finally:
        partial.unlink(missing_ok=True)


def as_json(outputs: Mapping[str, Any], ports: Ports) -> dict[str, Any]:
    """Outputs as JSON: numbers, and `{dtype, shape, data}` with a flat list for tensors (of
    complex numbers both parts in turn)."""
    return {
        name: _tensor(value, ports[name]["dtype"])
        if isinstance(value, numpy.ndarray)
        else _plain(value)
        for name, value in outputs.items()
    }


def _tensor(array: numpy.ndarray[Any, Any], dtype: str) -> dict[str, Any]:
    shape = array.shape[:-1] if dtype == "complex32" else array.shape
    if dtype == "bfloat16":
        array = of_bfloat16(array)
    elif array.dtype.kind == "c":
        array = array.reshape(-1).view(array.real.dtype)
    data = [_plain(value) for value in array.reshape(-1).tolist()]
    return {"dtype": dtype, "shape": list(shape), "data": data}


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinities."""
    if isinstance(value, float) and value - value != 0:
        return NAMES.get(value, "nan")
    return value
