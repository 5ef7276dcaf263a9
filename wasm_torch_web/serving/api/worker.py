"""Frames on standard input in, frames on standard output out: a process that runs models.

It ends when its input does, that is, also when the service has been killed. The service starts it
and is the only one to do so (`process.py`).
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy

from wasm_torch_web.engine.records import NUMPY
from wasm_torch_web.errors import InternalError, WtwError, summary
from wasm_torch_web.serving.api import frames
from wasm_torch_web.serving.api.host import Event, Host, Outcome


def main() -> None:
    """The process."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they are for the service, which drains first
        signal.signal(number, signal.SIG_IGN)
    stdin, stdout = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what prints to standard output must not end up between frames
    events: list[Event] = []
    begin = frames.read(stdin)
    assert begin is not None
    packages = {key: Path(path) for key, path in begin[0]["packages"].items()}
    limits = {name: begin[0][name] for name in ("memory", "timeout", "on_invalid")}
    host = Host(packages, **limits, tell=events.append)
    for frame in _ahead(stdin):
        head, blocks = answer(host, *frame)
        _write(stdout, {**head, "events": events, **_memory(host)}, blocks)
        events.clear()


def _ahead(stream: IO[bytes]) -> Iterator[frames.Frame]:
    """Frames to the end. The next is read while one is run: a pipe holds 64 KiB, and for the rest
    of a request one would wait for the service again and again."""
    read: queue.Queue[frames.Frame | None] = queue.Queue(1)

    def fill() -> None:
        try:
            while (frame := frames.read(stream)) is not None:
                read.put(frame)
        finally:
            read.put(None)  # also behind a frame that breaks off

    threading.Thread(target=fill, daemon=True).start()
    while (frame := read.get()) is not None:
        yield frame


def _memory(host: Host) -> dict[str, Any]:
    heaps = {key: found.model.memory_bytes for key, found in host.loaded.items()}
    return {"heaps": heaps}


def _write(stream: IO[bytes], head: dict[str, Any], blocks: Sequence[frames.Block]) -> None:
    for part in frames.parts(head, blocks):
        stream.write(part)
    stream.flush()


def answer(host: Host, head: dict[str, Any], blocks: list[memoryview]) -> frames.Frame:
    """Loads the model, and runs what `requests` there are."""
    begin = time.perf_counter()
    told: dict[str, Any] = {"id": head["id"], "results": []}
    sent: list[memoryview] = []
    try:
        host.load(head["model"])
        told["loaded"] = time.perf_counter() - begin
        left = iter(blocks)
        requests = [
            {tensor["name"]: _value(tensor, next(left)) for tensor in request}
            for request in head["requests"]
        ]
        for outcome in host.run(head["model"], requests, head["join"]):
            told["results"].append(_told(outcome, sent))
    except WtwError as error:
        told["error"] = error.told
    except Exception as error:
        told["error"] = InternalError("internal", reason=summary(error)).told
    told["seconds"] = time.perf_counter() - begin
    return told, sent


def _value(tensor: dict[str, Any], block: memoryview) -> Any:
    """An array as the engine takes it; a number where the program takes one."""
    array = numpy.frombuffer(block, NUMPY[tensor["dtype"]].base)
    if tensor["number"]:
        return array[0].item()
    shape = tensor["shape"][:-1] if array.dtype.kind == "c" else tensor["shape"]
    return array.reshape(shape)


def _told(outcome: Outcome, sent: list[memoryview]) -> dict[str, Any]:
    """Shapes by name; the elements go after them."""
    if isinstance(outcome, WtwError):
        return {"error": outcome.told}
    shapes: dict[str, list[int]] = {}
    for name, value in outcome.items():
        array = numpy.ascontiguousarray(value)
        parts = array.dtype.kind == "c"
        shapes[name] = [*(numpy.shape(value) or _single(value)), *([2] if parts else [])]
        sent.append(array.reshape(-1).view(numpy.uint8).data)
    return {"outputs": shapes}


def _single(value: Any) -> list[int]:
    """The protocol's shape of what has none: a number's is [1], a 0-d tensor's is []."""
    return [] if isinstance(value, numpy.ndarray) else [1]
