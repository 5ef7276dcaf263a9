"""Errors in, the status and the body that a client gets out."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from wasm_torch_web.errors import WtwError

RETRY_SECONDS = 1
# Retryable: the same request may well succeed a little later.
RETRYABLE = {
    "rate-exceeded": 429,
    **dict.fromkeys(("queue-full", "room-full", "request-late", "worker-lost"), 503),
}
STATUS = {
    **RETRYABLE,
    "model-unknown": 404,
    "body-late": 408,
    "body-too-large": 413,
    "out-of-memory": 413,  # this request is too large for the limit that was set
    "body-encoded": 415,
    "run-timeout": 504,
    "request-invalid": 400,
    "output-unknown": 400,
    "output-not-finite": 500,
    "kernel-refused": 500,
}
INPUTS = range(500, 600)  # of the error table: what is wrong with a run's inputs


def status_of(error: WtwError) -> int:
    """What is at fault: the request (4xx), the moment (429, 503), the model or the service."""
    if error.slug in STATUS:
        return STATUS[error.slug]
    return 400 if int(error.code[3:]) in INPUTS else 500


def document(content: dict[str, Any], status: int = 200, **headers: str) -> Response:
    """An answer of JSON; ASCII, so that no text of a request can break it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json.dumps(content).encode(), status, named, "application/json")


def refusal(error: WtwError) -> Response:
    """The protocol's `{"error": ...}`, with the code of the error table."""
    text = f"{error.message}. {error.hint}".strip()
    headers = {"retry-after": str(RETRY_SECONDS)} if error.slug in RETRYABLE else {}
    return document({"error": text, "code": error.code}, status_of(error), **headers)


async def handle(request: Request, error: Exception) -> Response:
    """For Starlette: coded errors that a route raises."""
    assert isinstance(error, WtwError)
    return refusal(error)


async def not_found(request: Request, error: Exception) -> Response:
    """For Starlette: what no route answers to, and methods that a route does not know."""
    status = getattr(error, "status_code", 404)
    detail = getattr(error, "detail", "Not Found")
    return document({"error": detail}, status, **(getattr(error, "headers", None) or {}))
