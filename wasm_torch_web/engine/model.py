"""A package folder in, a model that runs in this process out."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy
import wasmtime
from numpy.typing import NDArray

from wasm_torch_web.engine.inputs import Value, taken
from wasm_torch_web.engine.instance import Instance
from wasm_torch_web.engine.invalid import OnInvalid
from wasm_torch_web.engine.records import (
    FAILURE,
    IO,
    NUMPY,
    SPECIAL,
    computed,
    description,
    dtype_of,
    failure,
)
from wasm_torch_web.errors import InternalError, UserError, summary
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.stored import pieces, placed

ALL = 0xFFFFFFFF
FORWARD = "forward"


@dataclass(frozen=True)
class Port:
    """An input or output; a dynamic size is its symbol or an expression of symbols."""

    name: str
    kind: str
    dtype: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True)
class Info:
    """What the package says of the model; the fields of `model.info` in JavaScript."""

    name: str
    version: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    parameters: int
    weight_bytes: int


def load(
    package: str | Path,
    *,
    memory_limit: int | None = None,
    timeout: float | None = None,
    on_invalid: OnInvalid = "allow",
) -> Model:
    """Loads a package that `build` wrote.

    `memory_limit` is the most bytes that its heap may take (weights, state and working memory),
    `timeout` the most seconds of a run. With `on_invalid="error"` inputs that have NaN or an
    infinity are refused. Every file is checked against its SHA-256 first.

    Raises UserError for a package that is missing or damaged, runtime-missing, out-of-memory.
    """
    return Model(Path(package), memory_limit, timeout, on_invalid)


class Model:
    """A loaded model. Runs from several threads wait for each other; each sees what the one before
    has left in the model's state."""

    def __init__(
        self,
        package: Path,
        memory_limit: int | None,
        timeout: float | None,
        on_invalid: OnInvalid = "allow",
    ) -> None:
        self.package = package
        self.timeout = timeout
        self.on_invalid = on_invalid
        self.manifest = manifests.read(package)
        self.info = _info(self.manifest)
        self._program = list(self.manifest["programs"]).index(FORWARD)
        self._memory_limit = memory_limit
        self._lock = threading.Lock()
        self._closed = False
        self._instance: Instance | None = None
        self._session = 0
        self._start()

    def run(self, inputs: Mapping[str, Any] | None = None, /, **named: Any) -> dict[str, Any]:
        """Outputs by name: arrays, ints, floats and bools.

        Inputs are arrays, tensors, (nested lists of) numbers, by name: `run({"x": x})` or
        `run(x=x)`; where the package prepares them, Pillow's images (a list is a batch) or a
        `Sound`. There is no array of bfloat16: its bits are uint16; complex32 has its two parts
        as a last axis of float16.

        Raises UserError for inputs that do not fit (WTW5..), out-of-memory, run-timeout. After the
        last two, and after a bug of ours, the model begins anew with its initial state.
        """
        values = taken(self._forward["inputs"], {**(inputs or {}), **named}, self.on_invalid)
        with self._running() as instance:
            with instance.limited(self.timeout):
                self._bind(instance, values)
                self._check(instance.call("wtw_run", self._session, self._program, 0, ALL))
            return self._outputs(instance)

    def reset(self) -> None:
        """Restores the state that the model was loaded with."""
        with self._running() as instance:
            instance.call("wtw_session_reset", self._session)

    def seed(self, seed: int) -> None:
        """Decides the random numbers of the runs to come; modulo 2^64."""
        random = self.manifest.get("random")
        if random is not None:
            signed = (seed + (1 << 63)) % (1 << 64) - (1 << 63)
            with self._running() as instance:
                self._check(instance.seed(self._session, random["buffer"], signed))

    @property
    def memory_bytes(self) -> int:
        """The whole heap now: weights, plan, state, working memory and what is free."""
        return 0 if self._instance is None else self._instance.memory_bytes

    @property
    def state_bytes(self) -> int:
        """Of what lasts from run to run; 0 where runs do not depend on those before."""
        with self._running() as instance:
            return instance.call("wtw_state_bytes", self._session)

    def close(self) -> None:
        """Gives the memory back; of no use from then on."""
        with self._lock:
            self._closed, self._instance = True, None

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _forward(self) -> dict[str, Any]:
        program: dict[str, Any] = self.manifest["programs"][FORWARD]
        return program

    def _start(self) -> None:
        """Plan and weights into a new instance, checked; a session."""
        instance = self._instance = Instance(self._memory_limit)
        if instance.call("wtw_abi") != self.manifest["abi"]:
            found = instance.call("wtw_abi")
            raise UserError("abi-mismatch", needed=self.manifest["abi"], found=found)
        plan, weights = self.manifest["plan"], self.manifest["weights"]
        places = [instance.alloc(plan["bytes"]), instance.alloc(max(1, weights["bytes"]))]
        block = manifests.content(self.package, plan)
        instance.bytes(places[0], plan["bytes"])[:] = numpy.frombuffer(block, numpy.uint8)
        self._read_weights(instance, places[1])
        try:
            model = instance.call(
                "wtw_model_new", places[0], plan["bytes"], places[1], weights["bytes"]
            )
            self._session = instance.call("wtw_session_new", model) if model else 0
        except wasmtime.Trap as error:
            raise InternalError("internal", reason=summary(error)) from error
        if self._session == 0:
            raise self._failure(instance)
        self._check_described(instance)

    def _check_described(self, instance: Instance) -> None:
        """Whether the plan is what the manifest says: from here on both are relied on."""
        words = description(self.manifest)
        address = instance.alloc(words.nbytes)
        instance.bytes(address, words.nbytes)[:] = words.view(numpy.uint8)
        code = instance.call("wtw_described", self._session, self._program, address, len(words))
        instance.call("wtw_free", address)
        self._check(code)

    def _read_weights(self, instance: Instance, address: int) -> None:
        """Block by block, each against its hash, into the heap."""
        weights = self.manifest["weights"]
        heap = instance.bytes(address, weights["bytes"])
        parts, offset = pieces(weights), 0
        for shard in weights["shards"]:
            path = self.package / shard["file"]
            with path.open("rb") as file:
                for number, expected in enumerate(shard["sha256"]):
                    block = file.read(weights["blockBytes"])
                    if hashlib.sha256(block).hexdigest() != expected:
                        reason = f"block {number} is damaged"
                        raise UserError("file-corrupt", path=path, reason=reason)
                    for place, content in placed(parts, offset, block):
                        heap[place : place + len(content)] = content
                    offset += len(block)

    @contextmanager
    def _running(self) -> Iterator[Instance]:
        """The instance, for this thread alone; a new one where a trap has ended the last."""
        with self._lock:
            if self._closed:
                raise UserError("disposed")
            if self._instance is None:
                self._start()
            assert self._instance is not None
            try:
                yield self._instance
            except wasmtime.Trap as error:
                self._instance = None
                if error.trap_code is wasmtime.TrapCode.INTERRUPT:
                    raise UserError("run-timeout", seconds=self.timeout) from error
                raise InternalError("internal", reason=summary(error)) from error

    def _records(self, instance: Instance) -> NDArray[numpy.void]:
        """The program's Io records: inputs, then outputs that are computed. A view."""
        count = len(self._forward["inputs"]) + len(computed(self._forward))
        address = instance.call("wtw_io", self._session, self._program)
        return instance.bytes(address, count * IO.itemsize).view(IO)

    def _bind(self, instance: Instance, values: list[Value]) -> None:
        ports = self._forward["inputs"]
        records = self._records(instance)
        for record, port, value in zip(records, ports, values, strict=False):
            if isinstance(value, numpy.ndarray):
                shape = value.shape[:-1] if port["dtype"] == "complex32" else value.shape
                record["rank"] = len(shape)
                record["shape"][: len(shape)] = shape
            elif isinstance(value, float):
                record["real"] = value
            else:
                record["integer"] = value
        self._check(instance.call("wtw_bind", self._session, self._program))
        for place, value in zip(self._places(instance), values, strict=False):
            if isinstance(value, numpy.ndarray):
                instance.bytes(*place)[:] = value.reshape(-1).view(numpy.uint8)

    def _places(self, instance: Instance) -> list[tuple[int, int]]:
        return [(int(r["data"]), int(r["bytes"])) for r in self._records(instance)]

    def _outputs(self, instance: Instance) -> dict[str, Any]:
        records = iter(self._records(instance)[len(self._forward["inputs"]) :])
        return {
            port["name"]: _fixed(port["value"])
            if "value" in port
            else _result(instance, port, next(records))
            for port in self._forward["outputs"]
        }

    def _check(self, code: int) -> None:
        if code != 0:
            assert self._instance is not None
            raise self._failure(self._instance)

    def _failure(self, instance: Instance) -> Exception:
        address = instance.call("wtw_failure")
        words = instance.bytes(address, FAILURE.itemsize).view(FAILURE)[0]
        return failure(words, self.manifest)


def _fixed(value: Any) -> Any:
    """A number of the manifest: JSON has no NaN and no infinities."""
    return SPECIAL[value] if isinstance(value, str) else value


def _result(instance: Instance, port: dict[str, Any], record: Any) -> Any:
    kind = port["kind"]
    if kind == "int":
        return int(record["integer"])
    if kind == "float":
        return float(record["real"])
    if kind == "bool":
        return bool(record["integer"])
    shape = tuple(int(size) for size in record["shape"][: record["rank"]])
    raw = instance.bytes(int(record["data"]), int(record["bytes"])).copy()
    dtype = NUMPY[port["dtype"]]
    return raw.view(dtype.base).reshape(shape + dtype.shape)


def _info(manifest: dict[str, Any]) -> Info:
    program = manifest["programs"][FORWARD]

    def ports(side: str) -> tuple[Port, ...]:
        return tuple(
            Port(
                port["name"],
                port["kind"],
                dtype_of(port),
                tuple(port.get("shape", ())),
            )
            for port in program[side]
        )

    return Info(
        manifest["name"],
        manifest["version"],
        ports("inputs"),
        ports("outputs"),
        manifest["parameters"],
        manifest["weights"]["bytes"],
    )
