"""The nginx of `deploy docker`, which is Debian's here, in front of the real service."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.container import Container
from support.deployed import Deployed, check_page
from support.ports import free_port
from support.proxied import Front, front
from support.tools import PATIENCE

from wasm_torch_web.deploy.headers import HEADERS, HSTS
from wasm_torch_web.deploy.templates import RATE
from wasm_torch_web.verify.tab import ChromiumTab

MODEL = "/v2/models/classifier"
INPUT = {"name": "x", "datatype": "FP32", "shape": [1, 8], "data": [0.5] * 8}
# Chromium takes service workers with certificates that it trusts alone: not with the one made here.
NO_WORKER = "An SSL certificate error occurred when fetching the script."
BODY = json.dumps({"inputs": [INPUT]}).encode()


@pytest.fixture
def proxy(deployed: Deployed, service: Container, tmp_path: Path) -> Iterator[Front]:
    """A new one for each test: it counts requests."""
    with front(deployed("docker"), service.port, tmp_path / "nginx") as found:
        yield found


def headers_are_right(front: Front, path: str, status: int, **request: str) -> None:
    """All that a browser is told, each once."""
    found = front.ask(path, **request)
    assert found.status == status, path
    for name, value in {**HEADERS, **HSTS}.items():
        assert found.all(name) == [value], (path, name)
    assert found.all("server") == ["nginx"]


def test_answers_of_the_service(proxy: Front) -> None:
    found = proxy.ask(f"{MODEL}/infer", BODY)
    assert found.status == 200, found.content
    assert {one["name"] for one in json.loads(found.content)["outputs"]} == {"scores", "best"}
    wrong = proxy.ask(f"{MODEL}/infer", b"{}")
    assert wrong.status == 400 and json.loads(wrong.content)["code"].startswith("WTW")


def test_headers(proxy: Front) -> None:
    for path in ("/", "/package/index.js", f"{MODEL}", "/v2/health/ready", "/openapi.json"):
        headers_are_right(proxy, path, 200)
    for path in ("/nothing", "/v2/models/nothing", "/.htaccess"):
        headers_are_right(proxy, path, 404)


@pytest.mark.parametrize(
    "path",
    [
        *("/metrics", "//metrics", "/metrics/", "/v2/../metrics", "/v2/%2e%2e/metrics"),
        *("/v2/..%2fmetrics", "/v2//../metrics", "/v2/./../metrics?x", "/%6detrics"),
        *("/v2/models/classifier/../../../metrics", "/openapi.json/../metrics", "/v2/..;/metrics"),
    ],
)
def test_metrics_are_not_for_the_outside(proxy: Front, service: Container, path: str) -> None:
    found = proxy.ask(path)
    assert found.status in (400, 404), path
    assert b"wtw_" not in found.content


def test_clients_are_who_nginx_sees(proxy: Front, service: Container) -> None:
    proxy.ask(f"{MODEL}/infer", BODY, X_Forwarded_For="192.0.2.7", X_Real_IP="192.0.2.7")
    lines = [line for line in service.log.read_text().splitlines() if line.startswith("{")]
    requests = [one for one in map(json.loads, lines) if one["event"] == "request"]
    assert {one["client"] for one in requests} == {"127.0.0.1"}


def test_too_many_requests(proxy: Front) -> None:
    connection = proxy.connection()
    good = -1
    content, status = b"", 200
    while status == 200 and good < 50 * RATE:
        connection.request("GET", "/v2/health/live")
        response = connection.getresponse()
        content, status, good = response.read(), response.status, good + 1
    assert good >= RATE  # a burst is let through
    assert response.status == 429
    assert json.loads(content)["code"] == "WTW707"
    assert response.headers.get_all("retry-after") == ["1"]
    assert response.headers.get_all("x-content-type-options") == ["nosniff"]
    assert proxy.ask("/").status == 200  # pages are another matter


def test_too_large_requests(proxy: Front) -> None:
    connection = proxy.connection()
    connection.putrequest("POST", f"{MODEL}/infer")
    connection.putheader("content-length", str((64 << 20) + 1))
    connection.endheaders()
    response = connection.getresponse()
    assert response.status == 413
    assert json.loads(response.read())["code"] == "WTW704"
    assert proxy.ask("/", b"x" * 2000).status == 413
    assert proxy.ask("/", b"x").status == 405
    assert proxy.ask("/v2/health/live", x="y" * 10_000).status == 400


def test_slow_clients_are_left(proxy: Front) -> None:
    plain = socket.create_connection(("127.0.0.1", proxy.port), PATIENCE)
    with proxy.context().wrap_socket(plain, server_hostname="127.0.0.1") as stream:
        stream.sendall(b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n")
        assert stream.recv(1 << 16) == b""


def test_a_service_that_is_away(deployed: Deployed, tmp_path: Path) -> None:
    with front(deployed("docker"), free_port(), tmp_path / "nginx") as proxy:
        found = proxy.ask(f"{MODEL}/infer", BODY)
        assert (found.status, found.all("retry-after")) == (503, ["1"])
        assert json.loads(found.content)["code"] == "WTW710"
        assert proxy.ask("/").status == 200


def test_tls(proxy: Front) -> None:
    context = proxy.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    for version, good in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_3, True)):
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
        with socket.create_connection(("127.0.0.1", proxy.port), PATIENCE) as plain:
            try:
                with context.wrap_socket(plain, server_hostname="127.0.0.1") as stream:
                    assert good and stream.version() == "TLSv1.3"
            except (ssl.SSLError, ConnectionResetError):
                assert not good
    with socket.create_connection(("127.0.0.1", proxy.plain), PATIENCE) as plain:
        plain.sendall(b"GET /x?y HTTP/1.0\r\nhost: localhost\r\n\r\n")
        assert b"\r\nLocation: https://localhost/x?y\r\n" in plain.recv(1 << 16)


def test_compressed_files(proxy: Front, deployed: Deployed) -> None:
    path = "/package/runtime-relaxed-threads.wasm"
    file = deployed("docker") / "image/site" / path[1:]
    for taken, ending, encoding in (
        ("gzip, deflate, br", ".br", ["br"]),
        ("gzip", ".gz", ["gzip"]),
        ("identity", "", []),
    ):
        found = proxy.ask(path, accept_encoding=taken)
        assert found.content == file.with_name(file.name + ending).read_bytes()
        assert found.all("content-encoding") == encoding
        assert found.all("content-type") == ["application/wasm"]
        assert found.all("vary") == ["Accept-Encoding"]
        known = proxy.ask(path, accept_encoding=taken, if_none_match=found.all("etag")[0])
        assert known.status == 304


def test_the_page(proxy: Front, browser: Browser) -> None:
    context = browser.new_context(ignore_https_errors=True)
    try:
        opened = ChromiumTab(context.new_page())
        opened.goto(proxy.url)
        assert opened.evaluate("() => crossOriginIsolated")
        check_page(opened, [NO_WORKER])
    finally:
        context.close()
