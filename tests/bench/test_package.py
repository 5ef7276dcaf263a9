"""`wasm-torch-web bench`: configurations, figures, the command."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser
from rich.console import Console
from support.models import Net

from wasm_torch_web.benchmark import visit
from wasm_torch_web.benchmark.memory import resident
from wasm_torch_web.benchmark.package import Configuration, Figures, Report, configurations
from wasm_torch_web.cli import invoke
from wasm_torch_web.errors import UserError
from wasm_torch_web.pipeline import build
from wasm_torch_web.serving import Mailbox, application, running
from wasm_torch_web.variants import VARIANTS


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bench") / "pkg"
    build(Net(), (torch.randn(2, 3),), out=out, name="net", verify=False)
    return out


def envelope(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, Any]:
    code = invoke(["bench", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_configurations_leave_out_the_impossible() -> None:
    assert configurations(None, None) == [Configuration(None, 1), Configuration(None, None)]
    assert configurations(None, (1, 2)) == [Configuration(None, 1), Configuration(None, 2)]
    assert configurations(("relaxed-single",), (1, 2)) == [Configuration("relaxed-single", None)]
    every = configurations(VARIANTS, (2,))
    assert [one.variant for one in every] == ["relaxed-threads", "simd128-threads"]
    assert Configuration("simd128-single", None).options() == {
        "url": "/package",
        "variant": "simd128-single",
    }
    with pytest.raises(UserError, match="WTW409"):
        configurations(("simd128-single",), (2,))


def test_package_is_timed(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, content = envelope(capsys, package, "--threads", "1,2", "--runs", "4")
    assert code == 0, content
    result = content["result"]
    assert (result["package"], result["browser"].split()[0]) == ("net", "Chromium")
    one, two = result["configurations"]
    assert (one["variant"], one["threads"]) == ("relaxed-single", 1)
    assert (two["variant"], two["threads"]) == ("relaxed-threads", 2)
    for figures in (one, two):
        assert figures["runs"] == 12
        assert 0 < figures["medianMs"] <= figures["p90Ms"]
        assert figures["loadMs"] > 0 and figures["firstRunMs"] > 0
        assert figures["peakBytes"] is None or figures["peakBytes"] > 100_000


def test_errors_are_coded(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, expected in (
        ((tmp_path,), (1, "WTW301")),
        ((package, "--threads", "0"), (2, "WTW100")),
        ((package, "--threads", "many"), (2, "WTW100")),
        ((package, "--runs", "0"), (2, "WTW100")),
        ((package, "--variant", "relaxed-single", "--threads", "2"), (2, "WTW409")),
    ):
        code, content = envelope(capsys, *arguments)
        assert (code, content["error"]["code"]) == expected, arguments


def test_damaged_package_is_the_browsers_word(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    damaged = tmp_path / "damaged"
    shutil.copytree(package, damaged)
    (damaged / "plan.bin").write_bytes(b"\0" * (damaged / "plan.bin").stat().st_size)
    code, content = envelope(capsys, damaged, "--threads", "1", "--runs", "1")
    assert (code, content["error"]["code"]) == (4, "WTW603")
    assert "plan.bin" in content["error"]["message"]


@pytest.fixture
def page(tmp_path: Path) -> Iterator[tuple[str, Mailbox, Path]]:
    """A server whose page is `page/visit.js` alone, which the test writes."""
    folder, mailbox = tmp_path / "page", Mailbox()
    folder.mkdir()
    (folder / "index.html").write_text(
        '<!doctype html><script type="module" src="visit.js"></script>'
    )
    with running(application(visit.routes(mailbox, folder))) as url:
        yield url, mailbox, folder / "visit.js"


@pytest.mark.parametrize(
    ("script", "seconds"),
    [
        ("", "no answer within 1 seconds"),  # the page never comes
        ("await fetch(`/exchange/${location.search.slice(1)}`, {method: 'POST'})", "within 2"),
    ],
)
def test_a_page_that_never_answers_ends_the_visit(
    page: tuple[str, Mailbox, Path],
    browser: Browser,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    seconds: str,
) -> None:
    monkeypatch.setattr(visit, "OPENING_SECONDS", 1 if script == "" else 30)
    monkeypatch.setattr(visit, "TIMEOUT_SECONDS", 2)
    url, mailbox, file = page
    file.write_text(script)
    request = visit.Request("/none.js", {}, "")
    open_before = len(targets(browser))
    with pytest.raises(UserError, match=seconds) as caught:
        visit.visit(browser, url, mailbox, request)
    assert (caught.value.code, caught.value.exit_code) == ("WTW603", 4)
    assert not mailbox._messages and len(targets(browser)) == open_before  # nothing is left behind


def test_what_the_page_says_went_wrong_is_told(
    page: tuple[str, Mailbox, Path], browser: Browser
) -> None:
    url, mailbox, file = page
    file.write_text("""
        const door = `/exchange/${location.search.slice(1)}`;
        const post = (body) => fetch(door, { method: 'POST', body });
        await post('');
        while (!(await (await fetch(door)).text())) {}  // until it is asked for something
        await post('{"error": "no such adapter"}');
    """)
    with pytest.raises(UserError, match="no such adapter"):
        visit.visit(browser, url, mailbox, visit.Request("/none.js", {}, ""))


def targets(browser: Browser) -> list[Any]:
    """All pages, those that Playwright does not see too."""
    session = browser.new_browser_cdp_session()
    found: list[Any] = session.send("Target.getTargets")["targetInfos"]
    session.detach()
    return [target for target in found if target["type"] == "page"]


def test_table_fits_a_terminal() -> None:
    figures = Figures("simd128-threads", 32, 12345.6, 12345.6, 12345.6, 12345.6, 9, 123_400_000)
    text = io.StringIO()
    terminal = Console(file=text, width=80)
    terminal.print(Report("@scope/a-name", "Chromium 156.0.8078.79", [figures]).table())
    heading, *lines = text.getvalue().splitlines()
    assert "@scope/a-name" in heading and len(lines) == 2
    assert all(word in lines[1] for word in ("simd128-threads", "32", "12345.6", "123.4 MB"))


def test_resident_memory_of_no_process() -> None:
    assert resident(2**22 + 1, "VmRSS") is None
