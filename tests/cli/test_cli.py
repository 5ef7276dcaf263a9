"""The command line as a user runs it: exit codes, the JSON envelope, what is printed where."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from support.models import Net, write_archive, write_factory

from wasm_torch_web import cli, doctor
from wasm_torch_web.cli import COMMANDS, invoke
from wasm_torch_web.errors import InternalError

ENVIRONMENT = {**os.environ, "COLUMNS": "80"}


def command(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Runs the command in a process of its own."""
    words = [sys.executable, "-m", "wasm_torch_web", *map(str, arguments)]
    options = {"capture_output": True, "text": True, "env": ENVIRONMENT, "check": False} | options
    return subprocess.run(words, **options)


def envelope(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, Any]:
    """The exit code and the object that `--json` leaves on stdout."""
    code = invoke([*map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_help_needs_no_torch() -> None:
    script = (
        "import sys, wasm_torch_web.cli as cli\n"
        "for words in (['--help'], ['--version'], ['build'], ['buidl'], ['serve', '--help']):\n"
        "    cli.invoke(words)\n"
        "assert 'torch' not in sys.modules and 'playwright' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    done = command(name, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert f"wasm-torch-web {name}" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_version() -> None:
    done = command("--version")
    assert (done.returncode, done.stdout.split()[-1]) == (0, "0.1.0")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("buidl",),
        ("build",),
        ("build", "a.pth"),
        ("build", "a.pth", "--out"),
        ("build", "a.pth", "--out", "b", "--quick"),
        ("validate", "pkg", "--variant", "fast"),
        ("bisect", "pkg"),
        ("serve", "pkg", "--port", "many"),
        ("serve", "pkg", "--port", "65536"),
        ("--json",),
    ],
)
def test_usage_errors(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(list(arguments)) == 2
    said = capsys.readouterr()
    assert "wasm-torch-web" in said.err + said.out
    assert "Traceback" not in said.err


def test_usage_errors_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, content = envelope(capsys, "build", "a.pth")
    assert code == 2
    assert content == {
        "ok": False,
        "command": "build",
        "error": {
            "code": "WTW100",
            "message": "missing option '--out'",
            "hint": "Run `wasm-torch-web build --help`.",
            "where": None,
        },
    }


def test_errors_of_the_user(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    weights = tmp_path / "weights.pth"
    torch.save(Net().state_dict(), weights)
    factory = write_factory(tmp_path)
    for arguments, code in (
        (["build", tmp_path / "missing.pth", "--out", tmp_path / "pkg"], "WTW101"),
        (["build", weights, "--out", tmp_path / "pkg"], "WTW105"),
        (["build", weights, "--out", tmp_path / "pkg", "--model", "a:b"], "WTW106"),
        (["build", weights, "--out", tmp_path / "pkg", "--model", f"{factory}:make"], "WTW109"),
        (["build", weights, "--out", tmp_path / "pkg", "--name", "A B"], "WTW117"),
        (["build", weights, "--out", tmp_path / "pkg", "--import", "no_such"], "WTW119"),
        (["inspect", tmp_path / "missing.pth"], "WTW101"),
        (["validate", tmp_path], "WTW301"),
        (["serve", tmp_path], "WTW301"),
    ):
        exit_code, content = envelope(capsys, *arguments)
        assert (exit_code, content["error"]["code"]) == (1, code), content
        assert not (tmp_path / "pkg").exists()


def test_errors_say_where_in_the_users_code(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    torch.save(Net().state_dict(), tmp_path / "a.pth")
    factory = write_factory(tmp_path)
    words = ["build", tmp_path / "a.pth", "--out", tmp_path / "pkg", "--model", f"{factory}:fails"]
    _, content = envelope(capsys, *words)
    assert content["error"]["where"].startswith(f"{factory}:")


def test_bugs_are_told_apart(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr("wasm_torch_web.doctor.examine", fail)
    code, content = envelope(capsys, "doctor")
    assert (code, content["error"]["code"]) == (70, "WTW901")
    assert "RuntimeError: a bug" in content["error"]["message"]
    assert invoke(["doctor"]) == 70
    assert "Traceback" not in capsys.readouterr().err
    assert invoke(["doctor", "--debug"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_internal_errors_keep_their_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise InternalError("internal", reason="a pass broke the graph")

    monkeypatch.setattr("wasm_torch_web.doctor.examine", fail)
    assert invoke(["doctor"]) == 70
    assert "a pass broke the graph" in capsys.readouterr().out


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    code, content = envelope(capsys, "doctor")
    assert code == 0
    checks = {check["name"]: check for check in content["result"]["checks"]}
    assert {"Python", "torch", "runtime", "Chromium", "Node.js", "npm", "emcc"} <= set(checks)
    assert checks["torch"]["ok"]
    assert checks["torch"]["version"] == torch.__version__


def test_doctor_opens_no_browser_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`chrome.exe --version` would; the folder beside it says the version."""
    for name in ("99.0.1.2", "156.0.7.1", "SetupMetrics"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr("wasm_torch_web.verify.chromium.installed", lambda: tmp_path / "chrome.exe")
    check = next(check for check in doctor.examine() if check.name == "Chromium")
    assert (check.ok, check.version) == (True, "156.0.7.1")


def test_doctor_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "node"
    old.write_text("#!/bin/sh\necho v12.1.0\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CHROMIUM", "/no/such/browser")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("wasm_torch_web.doctor.RUNTIME", tmp_path)
    checks = {check.name: check for check in doctor.examine()}
    wrong = {name for name, check in checks.items() if not check.ok}
    assert wrong == {"runtime", "Chromium", "Node.js", "npm", "emcc"}
    assert "20.16" in checks["Node.js"].trouble
    code, content = envelope(capsys, "doctor")
    assert (code, content["error"]["code"]) == (4, "WTW608")
    message = content["error"]["message"]
    assert "runtime for build (missing: runtime-relaxed-threads.wasm" in message
    assert "Chromium for verification" in message
    assert "/no/such/browser" in message
    assert "Node.js" not in message
    listed = {check["name"]: check["ok"] for check in content["result"]["checks"]}
    assert listed == {name: check.ok for name, check in checks.items()}
    assert invoke(["doctor"]) == 4
    assert "emcc" in capsys.readouterr().out  # the table tells of all of them


def test_doctor_is_content_without_what_a_build_does_not_need(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [
        doctor.Check("Chromium", "156.0", "", "verification"),
        doctor.Check("emcc", "", "", "compiling", needed=False),
    ]
    monkeypatch.setattr("wasm_torch_web.doctor.examine", lambda: found)
    code, content = envelope(capsys, "doctor")
    assert code == 0
    assert [check["ok"] for check in content["result"]["checks"]] == [True, False]


def test_inspect_a_source(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = write_archive(tmp_path / "net.pth")
    code, content = envelope(capsys, "inspect", path)
    assert code == 0, content
    result = content["result"]
    assert result["inputs"] == [
        {"name": "x", "kind": "tensor", "dtype": "float32", "shape": [2, 3]}
    ]
    assert result["outputs"][0]["shape"] == [2, 4]
    assert result["parameters"] == 16
    assert sum(result["operators"].values()) >= 1
    sizes = [weight["bytes"] for weight in result["weights"]["tensors"]]
    assert sizes == sorted(sizes, reverse=True)
    assert result["memory"]["peak"] >= 4 * (2 * 3 + 2 * 4)


def test_plain_output_has_no_colours_and_no_traps(tmp_path: Path) -> None:
    """Nothing of a file's text reaches the terminal as an escape sequence or as markup."""
    path = tmp_path / "a.pth"
    torch.save({"epoch": 3, "\x1b[2J[bold]evil[/]": 1}, path)
    done = command("build", path, "--out", tmp_path / "pkg")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert r"\x1b[2J[bold]evil[/]" in done.stdout


def test_json_keeps_stdout_clean(tmp_path: Path) -> None:
    done = command("inspect", write_archive(tmp_path / "net.pth"), "--json")
    assert json.loads(done.stdout)["ok"]
    assert "Inputs and outputs" in done.stderr


SLOW = """
import time

def make():
    open("started", "w").close()
    time.sleep(60)
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupts_leave_nothing_behind(tmp_path: Path, sent: signal.Signals) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    torch.save(Net().state_dict(), tmp_path / "a.pth")
    words = ["build", "a.pth", "--model", "slow.py:make", "--out", "pkg", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "wasm_torch_web", *words],
        cwd=tmp_path,
        env={**ENVIRONMENT, "PYTHONPATH": str(Path(cli.__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Started in the background, the tests themselves may ignore the interrupt.
        preexec_fn=lambda: signal.signal(sent, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(sent)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert json.loads(out)["error"]["code"] == "WTW405"
    assert {path.name for path in tmp_path.iterdir()} <= {
        "a.pth",
        "slow.py",
        "started",
        "__pycache__",
    }
