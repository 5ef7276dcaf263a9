"""A request in, its body out, within what one client may have of bytes and time and how often."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect, Request

from wasm_torch_web.errors import UserError
from wasm_torch_web.serving.api.requests import invalid
from wasm_torch_web.serving.api.settings import Settings

MOST_CLIENTS = 10_000  # that are remembered


Take = Callable[[int], None]


class Room:
    """The bytes that all requests under way may take together."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    @contextmanager
    def reserved(self) -> Iterator[Take]:
        """Call what it gives with bytes that are taken until the end.

        That raises UserError room-full.
        """
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if size > self._left:
                raise UserError("room-full", limit=self._most)
            self._left -= size
            taken += size

        try:
            yield take
        finally:
            self._left += taken


async def body(request: Request, settings: Settings, take: Take) -> bytes:
    """All of it. Raises UserError body-too-large, body-late, body-encoded, request-invalid,
    room-full."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UserError("body-encoded")
    if (count_of(request, "content-length") or 0) > settings.max_body:
        raise _too_large(settings)
    try:
        return await asyncio.wait_for(_collected(request, settings, take), settings.body_seconds)
    except asyncio.TimeoutError as error:
        raise UserError("body-late", seconds=settings.body_seconds) from error
    except ClientDisconnect as error:
        raise invalid("the client has gone") from error


async def _collected(request: Request, settings: Settings, take: Take) -> bytes:
    """Chunks of unknown number are counted as they come."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > settings.max_body:
            raise _too_large(settings)
        take(len(chunk))
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _too_large(settings: Settings) -> UserError:
    return UserError("body-too-large", limit=f"{settings.max_body} bytes")


def count_of(request: Request, header: str) -> int | None:
    """The number of bytes that a header tells. Raises UserError request-invalid."""
    text = request.headers.get(header)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise invalid(f"{header} is no number of bytes")
    return int(text)


class Rate:
    """A bucket of one second's requests for each address, which fills up steadily."""

    def __init__(self, rate: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # level, when

    def take(self, client: str) -> None:
        """Counts a request. Raises UserError rate-exceeded."""
        if self._rate is None:
            return
        now, most = self._clock(), max(1.0, self._rate)
        level, since = self._buckets.pop(client, (most, now))
        level = min(most, level + (now - since) * self._rate)
        self._buckets[client] = (max(0.0, level - 1) if level >= 1 else level, now)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        if level < 1:
            raise UserError("rate-exceeded", rate=self._rate)
