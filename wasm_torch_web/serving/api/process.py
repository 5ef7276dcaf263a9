"""The packages of a service in, a process that runs them out, as the event loop sees it."""

from __future__ import annotations

import asyncio
import itertools
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from wasm_torch_web.errors import UserError
from wasm_torch_web.serving.api import frames

BUFFER = 1 << 22  # bytes that wait to be taken off the pipe
CLOSING_SECONDS = 5.0
# It sees the modules that this process sees: `-m` would let the current folder come first.
CODE = "import sys; sys.path[:] = {path!r}; from {module} import main; main()"
MODULE = "wasm_torch_web.serving.api.worker"


class Worker:
    """A running process. Answers come in the order of the questions."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._ids = itertools.count()
        self._waiting: dict[int, asyncio.Future[frames.Frame]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, begin: dict[str, Any]) -> Worker:
        """`begin` is what `worker.main` reads first."""
        code = CODE.format(path=sys.path, module=MODULE)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdin=PIPE, stdout=PIPE, limit=BUFFER
        )
        worker = cls(process)
        await worker._send(begin, ())
        return worker

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """False from the moment that its end is heard of: who asks then would ask in vain."""
        return not self._reader.done()

    async def ask(self, head: dict[str, Any], blocks: Sequence[frames.Block] = ()) -> frames.Frame:
        """Its answer. Raises UserError worker-lost where the process ends before."""
        number = next(self._ids)
        answer: asyncio.Future[frames.Frame] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            if not self.running:
                raise UserError("worker-lost")
            await self._send({**head, "id": number}, blocks)
            return await answer
        finally:
            self._waiting.pop(number, None)

    async def _send(self, head: dict[str, Any], blocks: Sequence[frames.Block]) -> None:
        assert self._process.stdin is not None
        with suppress(ConnectionError):  # its end is heard of by who reads
            self._process.stdin.writelines(frames.parts(head, blocks))
            await self._process.stdin.drain()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            while True:
                head, blocks = await frames.receive(self._process.stdout)
                waiting = self._waiting.get(head["id"])
                if waiting is not None and not waiting.done():
                    waiting.set_result((head, blocks))
        except (asyncio.IncompleteReadError, ConnectionError):
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(UserError("worker-lost"))

    async def ended(self) -> int:
        """Waits for its end; gives how the process ended."""
        await asyncio.wait([self._reader])
        return await self._process.wait()

    def kill(self) -> None:
        """Ends it at once."""
        if self._process.returncode is None:
            self._process.kill()

    async def close(self) -> None:
        """Ends it after what it was asked."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self.ended(), CLOSING_SECONDS)
        except asyncio.TimeoutError:
            self.kill()
            await self.ended()
