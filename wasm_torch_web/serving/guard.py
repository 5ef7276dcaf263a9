"""An ASGI app in, the same app out behind a check of the Host header, with security headers.

Cross-origin isolation (COOP, COEP) switches on threads; the Content-Security-Policy is the strict
one that packages promise to run under.
"""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STRICT_CSP = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
READING = ("GET", "HEAD", "OPTIONS")
ISOLATION = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Guard:
    """Refuses foreign hosts and adds the headers to every answer."""

    def __init__(
        self,
        app: ASGIApp,
        csp: str = STRICT_CSP,
        isolated: bool = True,
        hosts: frozenset[str] = frozenset(),
    ) -> None:
        """`hosts` are names that it answers to as well; `*` is any."""
        self.app = app
        self.hosts = hosts
        self.headers = {"content-security-policy": csp} | (ISOLATION if isolated else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        app: ASGIApp = self.app
        if not self._known(headers.get("host", "")):
            app = PlainTextResponse("this server answers to its address only", 421)
        elif scope["method"] not in READING and not self._own(headers):
            app = PlainTextResponse("this server takes nothing from foreign pages", 403)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self.headers)
            await send(message)

        await app(scope, receive, send_with_headers)

    def _known(self, host: str) -> bool:
        return is_local(host) or bool(self.hosts & {"*", without_port(host)})

    def _own(self, asked: Headers) -> bool:
        """Whether no stranger's page sends it: browsers let those, though they hide the answer."""
        origin = asked.get("origin")
        if origin is None:
            return True
        host = origin.partition("://")[2]
        return host == asked.get("host") or self._known(host)


def is_local(host: str) -> bool:
    """Whether a Host header is an address or localhost: a name could be rebound by its owner."""
    name = without_port(host)
    if name == "localhost":
        return True
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def without_port(host: str) -> str:
    """The name or address of a Host header."""
    return host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
