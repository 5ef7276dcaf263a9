"""HTTP requests to `serve --api`, of any form: answers have a status, and refusals a code."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from support.served import Packages, kinds
from support.service import serving

from fuzz.harness import Check, Fuzzer
from fuzz.mutation import EXTREMES, damaged, documents
from wasm_torch_web.serving.api.models import DATATYPES

BUG = "WTW901"
PATHS = (
    *("/v2", "/v2/health/live", "/v2/models/classifier", "/openapi.json", "/metrics", "/"),
    *("/v2/models/%2e%2e/infer", "/../../etc/passwd", "//", "/v2/models/x/versions/9/infer"),
)
METHODS = ("GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "get", "X" * 99)
HEADERS = (
    *("Content-Length", "Inference-Header-Content-Length", "Transfer-Encoding", "Range"),
    *("Host", "Origin", "Content-Encoding", "Expect", "Connection", "Content-Type", "Accept"),
)
VALUES = (
    *("", "0", "-1", "1", "99999999999999999999", "chunked", "gzip", "bytes=0-", "bytes=-9"),
    *("evil.example", "100-continue", "close", "\xe9", "a" * 9000, "identity", "null"),
)
Request = tuple[str, str, list[tuple[str, str]], bytes]  # method, path, headers, body


def valid() -> list[tuple[str, dict[str, Any]]]:
    """Paths and documents that are answered."""
    classified = {
        "inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 8], "data": [0.5] * 16}],
        "outputs": [{"name": "best"}],
        "id": "a",
    }
    every = [
        {
            "name": f"values_{i}",
            "datatype": DATATYPES[str(one.dtype).removeprefix("torch.")],
            "shape": [*one.shape, *([2] if one.is_complex() else [])],
            "data": numpy.asarray(one.tolist()).reshape(-1).real.tolist(),
        }
        for i, one in enumerate(kinds())
    ]
    path = "/v2/models/{}/infer"
    return [(path.format("classifier"), classified), (path.format("kinds"), {"inputs": every})]


@st.composite
def posts(draw: Callable[..., Any]) -> Request:
    """A request for outputs: JSON, or JSON and bytes."""
    path, document = draw(st.sampled_from(valid()))
    if draw(st.integers(0, 3)):
        document = draw(documents([document]))
    content = json.dumps(document).encode()
    headers = []
    if draw(st.booleans()):
        length = draw(st.sampled_from([len(content)] * 4 + [*EXTREMES, len(content) - 1]))
        headers.append(("Inference-Header-Content-Length", str(length)))
        content += draw(st.binary(max_size=64) | st.just(bytes(64)))
    if not draw(st.integers(0, 5)):
        content = draw(damaged([content]))
    return "POST", path, [*headers, *draw(_more)], content


@st.composite
def others(draw: Callable[..., Any]) -> Request:
    """Any path, method, headers and body."""
    path = draw(st.sampled_from(PATHS) | st.text(st.characters(max_codepoint=255), max_size=40))
    path = "/" + path.lstrip("/").replace(" ", "%20")
    method = draw(st.sampled_from(METHODS))
    return method, path, draw(_more), draw(st.binary(max_size=40))


_more = st.lists(st.tuples(st.sampled_from(HEADERS), st.sampled_from(VALUES)), max_size=2)


@contextmanager
def _open(folder: Path) -> Iterator[tuple[SearchStrategy[Any], Check]]:
    packages = Packages(folder)
    with serving(
        packages("classifier"), packages("kinds"), max_body=1 << 20, body_seconds=1
    ) as client:

        def check(request: Request) -> None:
            answer = exchanged(client.address, request)
            if not answer:
                return  # what is no HTTP is not answered
            status = int(answer.split(b" ", 2)[1])
            content = answer.partition(b"\r\n\r\n")[2]
            said = json.loads(content) if content.startswith(b"{") else {}
            assert said.get("code") != BUG, content
            assert status < 500 or "code" in said, answer[:300]
            assert client.service.pool.healthy == client.service.settings.workers

        yield posts() | others(), check


def exchanged(address: str, request: Request) -> bytes:
    """All that is answered to it."""
    method, path, headers, body = request
    host, _, port = address.partition(":")
    lines = [f"{method} {path} HTTP/1.1"]
    given = {name for name, _ in headers}
    usual = {"Host": address, "Connection": "close", "Content-Length": str(len(body))}
    lines += [f"{name}: {value}" for name, value in usual.items() if name not in given]
    lines += [f"{name}: {value}" for name, value in headers]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
    parts = []
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        try:
            connection.sendall(head + body)
            connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(1 << 16):
                parts.append(part)
        except ConnectionError:  # refused before all of it was sent
            pass
    return b"".join(parts)


FUZZER = Fuzzer("requests", _open, ("/wasm_torch_web/serving/",))
