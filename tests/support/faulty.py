"""A package's folder in, an ASGI app that serves it out: slowly or changed, as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from wasm_torch_web.serving.files import TYPES, Files

PART = 1 << 16
# What hosts of single-page apps send for whatever they do not have.
START_PAGE = b"<!doctype html><title>An app</title>"


class Faulty:
    """Serves a folder; the test may change the attributes at any time.

    Attributes:
        asked: names of the files that were asked for, in this order.
        changes: name -> what becomes of the file's content; None: it is missing.
        seconds: that each part of 64 KiB of a weight file takes.
        limit: bytes of weights, of all files together, that are sent before it waits for the test
            to set it anew; None: it never waits.
        sent: bytes of weights so far.
        most: of the weight files, how many were on their way at once.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.changes: dict[str, Callable[[bytes], bytes | None]] = {}
        self.seconds = 0.0
        self.limit: int | None = None
        self.sent = 0
        self.most = 0
        self._now = 0
        self._files = Files(directory=folder)

    def fetched(self, prefix: str) -> list[str]:
        """The names of files with this prefix that were asked for; forgets all."""
        names = sorted(name for name in self.asked if name.startswith(prefix))
        self.asked.clear()
        return names

    def waits(self) -> bool:
        """Whether it has reached its limit."""
        return self.limit is not None and self.sent >= self.limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        name = scope["path"].rpartition("/")[2]
        self.asked.append(name)
        weights = name.startswith("weights-")
        self._now += weights
        self.most = max(self.most, self._now)
        try:
            await self._answer(name, scope, receive, self._slowly(send) if weights else send)
        finally:
            self._now -= weights

    async def _answer(self, name: str, scope: Scope, receive: Receive, send: Send) -> None:
        change = self.changes.get(name)
        if change is None:
            await self._files(scope, receive, send)
            return
        data = change((self.folder / name).read_bytes())
        media_type = TYPES.get(Path(name).suffix, "application/octet-stream")
        media_type = "text/html" if data == START_PAGE else media_type
        found = Response(data, media_type=media_type)
        await (Response(status_code=404) if data is None else found)(scope, receive, send)

    def _slowly(self, send: Send) -> Send:
        async def send_in_parts(message: Message) -> None:
            body = message.get("body", b"")
            if not body:
                await send(message)
                return
            for start in range(0, len(body), PART):
                await asyncio.sleep(self.seconds)
                while self.waits():
                    await asyncio.sleep(0.01)
                self.sent += PART
                more = start + PART < len(body) or message.get("more_body", False)
                part = {"body": body[start : start + PART], "more_body": more}
                await send({"type": message["type"], **part})

        return send_in_parts
