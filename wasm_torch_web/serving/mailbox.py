"""Messages in, the routes through which a page takes and answers them out."""

from __future__ import annotations

import secrets
from threading import Event

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


class Mailbox:
    """Messages by address; addresses cannot be guessed by other pages on this machine."""

    def __init__(self) -> None:
        self._messages: dict[str, bytes] = {}
        self._answered: dict[str, Event] = {}

    def put(self, message: bytes) -> str:
        """Stores a message for the page; the page answers to the same address."""
        address = secrets.token_urlsafe(16)
        self._messages[address] = message
        self._answered[address] = Event()
        return address

    def wait(self, address: str, seconds: float) -> bytes:
        """The page's next answer, which stays. Raises TimeoutError."""
        answered = self._answered[address]
        if not answered.wait(seconds):
            raise TimeoutError
        answered.clear()
        return self._messages[address]

    def replace(self, address: str, message: bytes) -> None:
        """The next message for a page that has answered."""
        self._messages[address] = message

    def take(self, address: str) -> bytes:
        """The page's answer; the address ends."""
        del self._answered[address]
        return self._messages.pop(address)

    def routes(self) -> list[Route]:
        """`/exchange/ADDRESS`: GET gives the message, POST replaces it by the answer."""
        return [
            Route("/exchange/{address}", self._get, methods=["GET"]),
            Route("/exchange/{address}", self._post, methods=["POST"]),
        ]

    async def _get(self, request: Request) -> Response:
        message = self._messages.get(request.path_params["address"])
        return Response(status_code=404) if message is None else Response(message)

    async def _post(self, request: Request) -> Response:
        address = request.path_params["address"]
        if address not in self._messages:
            return Response(status_code=404)
        self._messages[address] = await request.body()
        self._answered[address].set()
        return Response(status_code=204)
