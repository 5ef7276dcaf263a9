"""A package and the name of an engine in, a function that runs the model there out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy

from wasm_torch_web.engine.inputs import Value, taken
from wasm_torch_web.engine.invalid import OnInvalid
from wasm_torch_web.engine.records import NUMPY
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.messages import Part, pack, unpack

Run = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Send = Callable[[bytes], bytes]  # messages of inputs and outputs


class Limits(NamedTuple):
    """The most bytes that the heap may take in wasmtime, the most seconds that a run may take;
    whether inputs may have NaN and infinities."""

    memory_limit: int | None = None
    timeout: float | None = None
    on_invalid: OnInvalid = "allow"


@contextmanager
def opened(package: Path, engine: str, limits: Limits) -> Iterator[Run]:
    """Runs the model. Raises UserError for a damaged package, and what the engine lacks."""
    if engine == "wasmtime":
        from wasm_torch_web.engine.model import load

        with load(package, **limits._asdict()) as model:
            yield model.run
        return
    with _engine(engine)(package, limits.timeout) as send:
        yield _by_messages(manifests.read(package), send, limits.on_invalid)


def _engine(name: str) -> Callable[[Path, float | None], AbstractContextManager[Send]]:
    if name == "node":
        from wasm_torch_web.engine import node

        return node.opened
    from wasm_torch_web.engine import chromium

    return chromium.opened


def _by_messages(manifest: manifests.Manifest, send: Send, on_invalid: OnInvalid) -> Run:
    ports = manifest["programs"]["forward"]["inputs"]

    def run(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        values = taken(ports, inputs, on_invalid)
        given = {port["name"]: _part(port, v) for port, v in zip(ports, values, strict=True)}
        return {name: _array(value) for name, value in unpack(send(pack(given))).items()}

    return run


def _part(port: Mapping[str, Any], value: Value) -> Part | float:
    if not isinstance(value, numpy.ndarray):
        return bool(value) if port["kind"] == "bool" else value
    shape = value.shape[:-1] if port["dtype"] == "complex32" else value.shape
    return Part(port["dtype"], shape, value.tobytes())


def _array(value: Part | float) -> Any:
    if not isinstance(value, Part):
        return value
    dtype = NUMPY[value.dtype]
    shape = (*value.shape, *dtype.shape)
    return numpy.frombuffer(value.content, dtype.base).reshape(shape).copy()
