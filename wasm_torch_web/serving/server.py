"""An ASGI app in, an HTTP server out: in a thread of its own, or until Ctrl-C."""

from __future__ import annotations

import math
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from wasm_torch_web.errors import UserError

DRAIN_SECONDS = 2.0
MOST_CONNECTIONS = 900  # a process may often have 1024 files open


@contextmanager
def running(
    app: ASGIApp, host: str = "127.0.0.1", port: int = 0, lifespan: bool = False
) -> Iterator[str]:
    """Yields the address (`http://127.0.0.1:41234`) while the server runs in a thread.

    `lifespan` is for apps that are told when they begin and end.
    """
    with listening(host, port) as listener:
        server = uvicorn.Server(_config(app, lifespan))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield address(listener)
        finally:
            server.should_exit = True
            thread.join()


def run_until_interrupted(
    app: ASGIApp,
    listener: socket.socket,
    lifespan: bool = False,
    drain: float = DRAIN_SECONDS,
) -> None:
    """Serves until Ctrl-C (or SIGTERM), which ends it without a traceback; requests that it has
    begun to answer get `drain` seconds more."""
    try:
        uvicorn.Server(_config(app, lifespan, drain)).run([listener])
    except KeyboardInterrupt:
        return


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket; from here on connections wait instead of being refused.

    Raises UserError address-unavailable.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends without Nagle's delay only where the socket says that it is TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except (OSError, ValueError) as error:  # ValueError: what is no name of a host at all
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise UserError("address-unavailable", address=f"{host}:{port}", reason=reason) from error
    try:
        yield listener
    finally:
        listener.close()


def address(listener: socket.socket) -> str:
    """What to type into a browser."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _config(app: ASGIApp, lifespan: bool, drain: float = DRAIN_SECONDS) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_level="critical",
        access_log=False,
        lifespan="on" if lifespan else "off",
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=math.ceil(drain),
    )
