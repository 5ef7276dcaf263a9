"""`wasm-torch-web serve --api` as it is started: its address, its end, its options."""

from __future__ import annotations

import http.client
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.served import Packages
from support.service import PATIENCE, tensor, until

from wasm_torch_web import serving
from wasm_torch_web.cli import invoke
from wasm_torch_web.cli.service_options import OPTIONS
from wasm_torch_web.serving.api import Settings


@contextmanager
def started(*words: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, ready, and its address."""
    given = [sys.executable, "-u", "-m", "wasm_torch_web", "serve", *map(str, words)]
    pipe = subprocess.PIPE
    with subprocess.Popen([*given, "--port", "0"], stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://(\S+)", process.stdout.readline())
            assert found
            until(lambda: ask(found[1], "/v2/health/ready")[0] == 200)
            yield process, found[1]
        finally:
            process.kill()


def ask(address: str, path: str, body: object = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, timeout=PATIENCE)
    content = None if body is None else json.dumps(body)
    connection.request("GET" if body is None else "POST", path, content)
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found


def test_requests_under_way_are_answered_before_it_ends(packages: Packages) -> None:
    words = (packages("loop"), "--api", "--monitoring", "--workers", 1, "--timeout", 2)
    with started(*words) as (process, address), ThreadPoolExecutor(1) as clients:
        body = {"inputs": [tensor("n", 1 << 60, "INT64")]}
        under_way = clients.submit(ask, address, "/v2/models/loop/infer", body)
        until(lambda: b'wtw_worker_jobs{worker="0"} 1.0' in ask(address, "/metrics")[1])
        process.send_signal(signal.SIGTERM)
        assert under_way.result()[0] == 504  # its own limit, not the end of the service
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    events = [json.loads(line)["event"] for line in errors.splitlines()]
    assert events[-1] == "service-end"


def test_the_demo_pages_and_the_service_of_several(packages: Packages) -> None:
    if not (serving.DEMO / "index.html").is_file():
        pytest.fail("the demo page is not built")
    names = ("classifier", "root")
    with started(*map(packages, names), "--api") as (_, address):
        listing = ask(address, "/")[1].decode()
        for number, name in enumerate(names):
            assert f'<a href="models/{number}/">{name}</a>' in listing
            assert b"<!doctype html>" in ask(address, f"/models/{number}/")[1]
            plan = (packages(name) / "plan.bin").read_bytes()
            assert ask(address, f"/models/{number}/package/plan.bin")[1] == plan
            assert json.loads(ask(address, f"/v2/models/{name}")[1])["name"] == name


def test_torch_is_not_imported(packages: Packages) -> None:
    script = (
        "import sys, wasm_torch_web.serving.api.worker, wasm_torch_web.serving as s\n"
        "from wasm_torch_web.serving.api import Service\n"
        "from pathlib import Path\n"
        "Service([Path(sys.argv[1])]).application()\n"
        "assert 'torch' not in sys.modules, 'torch'\n"
    )
    subprocess.run([sys.executable, "-c", script, packages("root")], check=True)


def test_every_option_sets_a_field() -> None:
    def parameter(option: object) -> str:
        def function() -> None: ...

        option(function)  # type: ignore[operator]
        name: str = function.__click_params__[0].name  # type: ignore[attr-defined]
        return name

    named = set(map(parameter, OPTIONS)) - {"api", "monitoring", "audit", "otlp"}
    assert named <= set(Settings.__dataclass_fields__)
    assert set(Settings.__dataclass_fields__) - named == {"body_seconds"}


@pytest.mark.parametrize(
    "words",
    [
        ("--workers", "0", "--api"),
        ("--max-batch", "8"),
        ("--monitoring",),
        ("--api", "--otlp", "http://localhost:4318"),
        ("--api", "--max-body", "much"),
    ],
)
def test_options_that_make_no_sense(
    packages: Packages, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["serve", str(packages("root")), *words]) == 2
    assert "serve --help" in capsys.readouterr().out


def test_hints_are_of_one_package(packages: Packages, tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("a\n")
    words = [str(packages("root")), str(packages("loop")), "--labels", str(labels)]
    assert invoke(["serve", *words]) == 2
