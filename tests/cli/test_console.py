"""What a person reads: steps, notices, errors, on a terminal and in a log."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console as Terminal

from wasm_torch_web.console import Console, bytes_text, clean, shape_text
from wasm_torch_web.errors import UserError


def on_terminal(console: Console, width: int = 80, encoding: str = "utf-8") -> io.TextIOWrapper:
    """Lets the console believe in a terminal; gives what it writes to."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    console._terminal = Terminal(
        file=stream, force_terminal=True, width=width, highlight=False, color_system="standard"
    )
    console._utf8 = encoding == "utf-8"
    return stream


def written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def test_steps_leave_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    with console.working():
        console.step("load")
        console.detail("reading")
        console.step("capture")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["✓", "load"], ["✓", "capture"]]


def test_a_step_that_fails_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    with pytest.raises(KeyboardInterrupt), console.working():
        console.step("load")
        raise KeyboardInterrupt
    assert capsys.readouterr().out.startswith("✗ load")


def test_progress_on_a_terminal() -> None:
    console = Console()
    stream = on_terminal(console)
    with console.working():
        console.step("verify")
        console.detail("a [bold]long[/] text " * 20)
        console.notice("Mind this.")
    text = written(stream)
    assert "a [bold]long[/]" in text
    assert "Mind this." in text
    assert "\x1b[?25h" in text  # the cursor is shown again


def test_long_errors_wrap_beside_their_mark() -> None:
    console = Console()
    stream = on_terminal(console, width=60)
    reason = "words " * 20
    console.error(UserError("capture-failed", reason=reason.strip()))
    plain = [line for line in written(stream).splitlines() if "words" in line]
    assert len(plain) > 1
    assert all(line.startswith(" " * len("error WTW201")) for line in plain[1:])


def test_errors_in_a_log_are_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    Console().error(UserError("capture-failed", reason="words " * 40, where="net.py:3"))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["error", "at", "→"]


def test_terminals_without_unicode() -> None:
    console = Console()
    stream = on_terminal(console, encoding="ascii")
    with console.working():
        console.step("load")
    console.notice("Mind this.")
    console.error(UserError("source-empty", path="a"))
    text = written(stream)
    assert "+" in text and "->" in text


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    Terminal(file=stream, force_terminal=True).print("[red]a[/]")
    assert "\x1b[31m" not in stream.getvalue()


def test_with_json_only_the_object_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(json=True)
    console.notice("Mind this.")
    console.envelope("build", {"result": {"a": 1}})
    said = capsys.readouterr()
    assert json.loads(said.out) == {"ok": True, "command": "build", "result": {"a": 1}}
    assert "Mind this." in said.err


def test_without_json_there_is_no_object(capsys: pytest.CaptureFixture[str]) -> None:
    Console().envelope("build", {"result": {}})
    assert capsys.readouterr().out == ""


def test_text_from_files_is_harmless() -> None:
    assert clean("a\x1b[31m\u202eb\tc\nd") == "a\\x1b[31m\\u202eb\\tc\nd"


def test_units() -> None:
    sizes = (0, 999, 1000, 999_949, 46_800_000, 2_500_000_000)
    shown = ["0 B", "999 B", "1.0 kB", "999.9 kB", "46.8 MB", "2.50 GB"]
    assert [bytes_text(size) for size in sizes] == shown
    assert shape_text(["batch", 3]) == "[batch, 3]"
    assert shape_text([]) == "[]"
