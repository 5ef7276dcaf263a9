"""The server: headers, types, compression, ranges; and what it refuses."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest
from starlette.routing import Mount
from support.fake_model import fake_model

from wasm_torch_web import serving
from wasm_torch_web.errors import UserError
from wasm_torch_web.serving import Files, Hints, application, running
from wasm_torch_web.serving.guard import is_local

SCRIPT = b"// a script\n" + b"export const x = 1;\n" * 200


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    site = tmp_path / "site"
    (site / "inner").mkdir(parents=True)
    (site / "index.js").write_bytes(SCRIPT)
    (site / "small.js").write_bytes(b"1")
    (site / "model.wasm").write_bytes(bytes(5000))
    (site / "weights.bin").write_bytes(bytes(range(256)) * 40)
    (site / "inner" / "page.html").write_text("<!doctype html>")
    (tmp_path / "secret.txt").write_text("secret")
    (site / "link.txt").symlink_to(tmp_path / "secret.txt")
    (site / "up").symlink_to(tmp_path)
    return site


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    with running(application([Mount("/", Files(directory=folder))])) as url:
        yield url.removeprefix("http://")


Answer = tuple[int, dict[str, str], bytes]


def ask(address: str, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection(address, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=named)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, {name.lower(): value for name, value in response.getheaders()}, body


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"path": "/index.js"}, 200),
        ({"path": "/missing.js"}, 404),
        ({"path": "/index.js", "method": "POST"}, 405),
        ({"path": "/index.js", "method": "POST", "origin": "https://evil.example"}, 403),
        ({"path": "/index.js", "host": "evil.example"}, 421),
    ],
)
def test_every_answer_isolates_the_page(address: str, asked: dict[str, str], status: int) -> None:
    found, headers, _ = ask(address, **asked)
    assert found == status
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    policy = headers["content-security-policy"].split("; ")
    assert "script-src 'self' 'wasm-unsafe-eval'" in policy
    assert {"default-src 'self'", "object-src 'none'", "frame-ancestors 'none'"} <= set(policy)


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        ("/index.js", "text/javascript; charset=utf-8"),
        ("/model.wasm", "application/wasm"),
        ("/weights.bin", "application/octet-stream"),
        ("/inner/page.html", "text/html; charset=utf-8"),
    ],
)
def test_types(address: str, path: str, type_: str) -> None:
    assert ask(address, path)[1]["content-type"] == type_


def test_text_is_compressed_as_the_browser_takes_it(address: str) -> None:
    decoders = {"br": brotli.decompress, "gzip": gzip.decompress, "identity": bytes}
    taken = {"gzip, deflate, br": "br", "gzip;q=0.9": "gzip", "": "identity"}
    for accepted, encoding in taken.items():
        status, headers, body = ask(address, "/index.js", accept_encoding=accepted)
        assert status == 200
        assert headers.get("content-encoding", "identity") == encoding
        assert decoders[encoding](body) == SCRIPT
        assert int(headers["content-length"]) == len(body)


def test_weights_and_small_files_are_not_compressed(address: str) -> None:
    for path in ("/weights.bin", "/small.js"):
        assert "content-encoding" not in ask(address, path, accept_encoding="br")[1]


def test_what_is_compressed_already_is_sent_as_it_is(address: str, folder: Path) -> None:
    made = brotli.compress(bytes(range(256)) * 40, quality=11)
    (folder / "weights.bin.br").write_bytes(made)
    status, headers, body = ask(address, "/weights.bin", accept_encoding="br")
    assert (status, headers["content-encoding"], body) == (200, "br", made)
    assert headers["content-type"] == "application/octet-stream"
    known = {"accept_encoding": "br", "if_none_match": headers["etag"]}
    assert ask(address, "/weights.bin", **known)[0] == 304
    for plain in ({"accept_encoding": "gzip"}, {"accept_encoding": "br", "range": "bytes=0-1"}):
        assert "content-encoding" not in ask(address, "/weights.bin", **plain)[1]
    os.utime(folder / "weights.bin.br", (0, 0))  # of an older file
    assert "content-encoding" not in ask(address, "/weights.bin", accept_encoding="br")[1]


def test_what_is_compressed_already_lies_in_the_folder(address: str, folder: Path) -> None:
    (folder / "weights.bin.br").symlink_to(folder.parent / "secret.txt")
    _, headers, body = ask(address, "/weights.bin", accept_encoding="br")
    assert "content-encoding" not in headers and b"secret" not in body


def test_an_address_with_the_hash_may_be_kept(address: str, folder: Path) -> None:
    digest = hashlib.sha256(SCRIPT).hexdigest()

    def lifetime(query: str) -> str:
        return ask(address, f"/index.js{query}")[1]["cache-control"]

    for said in (digest, digest[:16], digest.upper()):
        assert lifetime(f"?sha256={said}") == "public, max-age=31536000, immutable"
    for said in ("", digest[:15], "0" * 64, f"{digest}0", "%ff" * 16):
        assert lifetime(f"?sha256={said}") == "no-cache"
    (folder / "index.js").write_bytes(SCRIPT * 2)
    assert lifetime(f"?sha256={digest}") == "no-cache"


def test_a_thousand_ranges(address: str) -> None:
    ranges = ",".join(f"{n}-{n}" for n in range(1000))
    status, _, body = ask(address, "/weights.bin", range=f"bytes={ranges}")
    assert (status, len(body)) in ((200, 10240), (416, len(body)))


def test_ranges_count_bytes_of_the_file(address: str) -> None:
    status, headers, body = ask(address, "/weights.bin", range="bytes=254-257")
    assert (status, body) == (206, bytes([254, 255, 0, 1]))
    assert headers["content-range"] == "bytes 254-257/10240"
    status, _, body = ask(address, "/index.js", range="bytes=0-3", accept_encoding="br")
    assert (status, body) == (206, SCRIPT[:4])
    assert ask(address, "/weights.bin", range="bytes=99999-")[0] == 416


def test_a_browser_that_has_the_file_is_told_so(address: str, folder: Path) -> None:
    etags = set()
    for accepted in ("br", "gzip", ""):
        etag = ask(address, "/index.js", accept_encoding=accepted)[1]["etag"]
        etags.add(etag)
        status, _, body = ask(address, "/index.js", accept_encoding=accepted, if_none_match=etag)
        assert (status, body) == (304, b"")
    assert len(etags) == 3
    (folder / "index.js").write_bytes(SCRIPT * 2)
    status, _, body = ask(address, "/index.js", accept_encoding="br", if_none_match=etags.pop())
    assert (status, brotli.decompress(body)) == (200, SCRIPT * 2)


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/inner/../../secret.txt",
        "/..%2fsecret.txt",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/link.txt",
        "/up/secret.txt",
        "/index.js%00.txt",
        "/inner",
        "/" + "x" * 5000,
    ],
)
def test_nothing_outside_of_the_folder_is_served(address: str, path: str) -> None:
    status, _, body = ask(address, path)
    assert status == 404
    assert b"secret" not in body


def test_only_reading_is_allowed(address: str) -> None:
    assert ask(address, "/index.js", method="POST")[0] == 405
    assert ask(address, "/index.js", method="HEAD")[2] == b""


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_foreign_hosts_are_refused(address: str, host: str) -> None:
    assert ask(address, "/index.js", host=host)[0] == 421


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:80", "127.0.0.1:80", "192.168.1.5", "[::1]", "[::1]:8000"]
)
def test_addresses_cannot_be_rebound(host: str) -> None:
    assert is_local(host)


def test_a_taken_port_is_a_coded_error(address: str) -> None:
    port = int(address.rpartition(":")[2])
    with pytest.raises(UserError) as caught, running(application([]), port=port):
        pytest.fail("the port is taken")
    assert caught.value.code == "WTW607"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "pkg").mkdir()
    fake_model(tmp_path / "pkg")
    return tmp_path / "pkg"


def test_the_demo_shows_its_page_and_the_package(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = tmp_path / "demo"
    demo.mkdir()
    (demo / "index.html").write_text("<!doctype html><title>Demo</title>")
    monkeypatch.setattr(serving, "DEMO", demo)
    with running(serving.demo(package)) as url:
        address = url.removeprefix("http://")
        assert b"Demo" in ask(address, "/")[2]
        assert ask(address, "/package/plan.bin")[2] == (package / "plan.bin").read_bytes()
        assert "blob:" in ask(address, "/")[1]["content-security-policy"]


def test_a_missing_demo_is_a_coded_error(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "DEMO", package / "nothing")
    with pytest.raises(UserError, match="WTW604"):
        serving.demo(package)


def hints_of(address: str) -> dict[str, object]:
    hints: dict[str, object] = json.loads(ask(address, "/hints.json")[2])
    return hints


def test_the_tokenizer_of_the_package_or_the_one_that_is_named(
    package: Path, tmp_path: Path
) -> None:
    def served(hints: Hints) -> object:
        with running(serving.demo(package, hints)) as url:
            address = url.removeprefix("http://")
            if "tokenizer" not in hints_of(address):
                return None
            return json.loads(ask(address, f"/{hints_of(address)['tokenizer']}")[2])

    own, other = ({"model": {"vocab": {token: 0}}} for token in ("own", "other"))
    (tmp_path / "other").mkdir()
    named = tmp_path / "other/tokenizer.json"
    named.write_text(json.dumps(other))
    assert served(Hints()) is None
    assert served(Hints(tokenizer=named)) == served(Hints(tokenizer=named.parent)) == other
    (package / "tokenizer.json").write_text(json.dumps(own))
    assert served(Hints()) == own
    assert served(Hints(tokenizer=named)) == other


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "the folder has no tokenizer.json"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no model with a vocabulary"),
        (b'{"model": {"type": "BPE"}}', "no model with a vocabulary"),
    ],
)
def test_what_is_no_tokenizer_is_a_coded_error(
    package: Path, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    if content is not None:
        (folder / "tokenizer.json").write_bytes(content)
    with pytest.raises(UserError, match=reason) as caught:
        serving.demo(package, Hints(tokenizer=folder))
    assert caught.value.code == "WTW122"


def test_a_tokenizer_that_nobody_could_have_made_is_not_read(package: Path, tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    with file.open("wb") as empty:
        empty.truncate((64 << 20) + 1)  # of zeros that take no room on the disk
    with pytest.raises(UserError, match="more than 64 MiB") as caught:
        serving.demo(package, Hints(tokenizer=file))
    assert caught.value.code == "WTW122"


def test_a_damaged_package_is_a_coded_error(package: Path) -> None:
    (package / "plan.bin").unlink()
    with pytest.raises(UserError, match="WTW303"):
        serving.demo(package)


def test_ctrl_c_ends_it_cleanly(package: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>")
    script = (
        "import sys; from pathlib import Path; from wasm_torch_web import serving;"
        "serving.DEMO = Path(sys.argv[1]); serving.serve(Path(sys.argv[2])); print('ended')"
    )
    command = [sys.executable, "-u", "-c", script, tmp_path, package]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        _wait_until_it_answers(url.removeprefix("http://"))
        os.kill(server.pid, signal.SIGINT)
        out, err = server.communicate(timeout=20)
    assert (out, err, server.returncode) == ("ended\n", "", 0)


def _wait_until_it_answers(address: str) -> None:
    host, _, port = address.partition(":")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.create_connection((host, int(port)), timeout=20):
            if ask(address, "/")[0] == 200:
                return
    pytest.fail("the server does not answer")
