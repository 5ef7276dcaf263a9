"""A package in, a function that runs it in Node out."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from wasm_torch_web.engine.runners import Send
from wasm_torch_web.errors import UserError

HOST = Path(__file__).with_name("host") / "node.mjs"


@contextmanager
def opened(package: Path, timeout: float | None) -> Iterator[Send]:
    """Messages of inputs to messages of outputs, in the best variant.

    Raises UserError tools-missing, run-timeout, worker-died; what the package's own loader says.
    """
    node = shutil.which("node")
    if node is None:
        raise UserError("tools-missing", tools="Node 20.16 or newer")
    command = [node, str(HOST), str(package.resolve())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            _answer(process, None)
            yield lambda message: _send(process, message, timeout)
        finally:
            process.kill()


def _send(process: subprocess.Popen[bytes], message: bytes, timeout: float | None) -> bytes:
    assert process.stdin is not None
    try:
        process.stdin.write(len(message).to_bytes(4, "little") + message)
        process.stdin.flush()
    except OSError as error:
        raise UserError("worker-died", reason="Node has ended") from error
    return _answer(process, timeout)


def _answer(process: subprocess.Popen[bytes], timeout: float | None) -> bytes:
    """The next answer; a process that takes longer is ended."""
    assert process.stdout is not None
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    timer = threading.Timer(timeout, end) if timeout else None
    if timer:
        timer.start()
    try:
        size = int.from_bytes(_read(process.stdout, 4), "little")
        content = _read(process.stdout, size)
    except EOFError as error:
        if late.is_set():
            raise UserError("run-timeout", seconds=timeout) from error
        raise UserError("worker-died", reason="Node has ended") from error
    finally:
        if timer:
            timer.cancel()
    if content[0] == 0:
        return content[1:]
    told = json.loads(content[1:])
    raise UserError.relayed(told["code"], told["message"])


def _read(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content
