"""Nothing in, a port of this machine that is free out: for servers that come back to theirs."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Taken by nobody just now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port
