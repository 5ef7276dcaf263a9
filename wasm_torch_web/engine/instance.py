"""The compiled runtime in, an instance with its memory and its limits out."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy
import wasmtime
from numpy.typing import NDArray
from wasmtime import Func, Memory

from wasm_torch_web.errors import UserError

RUNTIME = Path(__file__).parents[1] / "runtime/runtime-wasi.wasm"
LEAST_BYTES = 1 << 24  # what the runtime begins with
MOST_BYTES = 1 << 32  # that addresses reach
TICK_SECONDS = 0.02
NEVER = 1 << 62  # ticks


@functools.cache
def compiled() -> tuple[wasmtime.Engine, wasmtime.Module]:
    """The runtime, compiled once a process (and kept by wasmtime's cache between processes, where
    that has a folder to write to).

    Raises UserError runtime-missing.
    """
    if not RUNTIME.is_file():
        raise UserError("runtime-missing", path=RUNTIME)
    config = wasmtime.Config()
    config.epoch_interruption = True
    with suppress(wasmtime.WasmtimeError):
        config.cache = True
    engine = wasmtime.Engine(config)
    return engine, wasmtime.Module.from_file(engine, str(RUNTIME))


class Instance:
    """One memory and the functions of csrc/api.h that work on it; not for two threads at once.

    A call that traps (out of time, or a bug of ours) ends the instance.
    """

    def __init__(self, memory_limit: int | None = None) -> None:
        """Raises UserError out-of-memory, runtime-missing."""
        self._engine, module = compiled()
        self._store = wasmtime.Store(self._engine)
        self._store.set_limits(memory_size=memory_limit or MOST_BYTES)
        self._store.set_epoch_deadline(NEVER)
        try:
            exports = wasmtime.Instance(self._store, module, []).exports(self._store)
        except wasmtime.WasmtimeError as error:
            raise UserError("out-of-memory", bytes=LEAST_BYTES) from error
        self._functions = {name: f for name, f in exports.items() if isinstance(f, Func)}
        memory = exports["memory"]
        assert isinstance(memory, Memory)
        self._memory = memory
        self.call("_initialize")

    def call(self, function: str, *arguments: int) -> int:
        """Calls an export on unsigned 32-bit numbers; its result is one, 0 where it has none.

        Raises wasmtime.Trap.
        """
        return self._call(function, *map(_signed, arguments))

    def seed(self, session: int, buffer: int, seed: int) -> int:
        """wtw_session_seed, the one function that takes a (signed) 64-bit number."""
        return self._call("wtw_session_seed", _signed(session), _signed(buffer), seed)

    def _call(self, function: str, *arguments: int) -> int:
        result = self._functions[function](self._store, *arguments)
        return 0 if result is None else int(result) & 0xFFFFFFFF

    def alloc(self, size: int) -> int:
        """An address, a multiple of 64. Raises UserError out-of-memory."""
        address = self.call("wtw_alloc", size) if size < MOST_BYTES else 0
        if address == 0:
            raise UserError("out-of-memory", bytes=size)
        return address

    def bytes(self, address: int, size: int) -> NDArray[numpy.uint8]:
        """A view of memory that lasts until the next call, after which it may lie elsewhere."""
        if address + size > self.memory_bytes:
            raise IndexError(f"{size} bytes at {address}")
        memory = self._memory.get_buffer_ptr(self._store, size, address)
        return numpy.ctypeslib.as_array(memory)

    @property
    def memory_bytes(self) -> int:
        """The whole heap."""
        return int(self._memory.data_len(self._store))

    @contextmanager
    def limited(self, seconds: float | None) -> Iterator[None]:
        """Calls inside trap once they have taken longer."""
        if seconds is None:
            yield
            return
        with _clock.ticking(self._engine):
            self._store.set_epoch_deadline(round(seconds / TICK_SECONDS) + 1)
            try:
                yield
            finally:
                self._store.set_epoch_deadline(NEVER)


class _Clock:
    """Ticks for as long as somebody is waiting."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting = 0

    @contextmanager
    def ticking(self, engine: wasmtime.Engine) -> Iterator[None]:
        with self._lock:
            self._waiting += 1
            if self._waiting == 1:
                threading.Thread(target=self._tick, args=(engine,), daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def _tick(self, engine: wasmtime.Engine) -> None:
        while True:
            time.sleep(TICK_SECONDS)
            engine.increment_epoch()
            with self._lock:
                if self._waiting == 0:
                    return


_clock = _Clock()


def _signed(number: int) -> int:
    """Addresses above 2 GiB, as wasm's signed integers."""
    return number - (1 << 32) if (1 << 31) <= number < (1 << 32) else number
