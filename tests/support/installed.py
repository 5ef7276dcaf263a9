"""A small model's package as its users have it: packed, installed, on a page; what the page says.

What runs is the README's own snippet, under a strict Content-Security-Policy where the test serves
the page itself.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, ConsoleMessage, Page, TimeoutError
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from torch import nn

import wasm_torch_web
from wasm_torch_web.bundle import entry
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.serving import Files, application, running
from wasm_torch_web.serving.guard import STRICT_CSP

from .browser import tab

NAME = "tiny-model"
PAGE = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="main.js"></script>'
DATA_ICON = "; img-src data:"
VARIANT = re.compile(r"(?:relaxed|simd128)-(?:threads|single)")


class Tiny(nn.Module):
    """Two layers; its README's input is a batch of two rows of zeros."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(3, 40), nn.ReLU(), nn.Linear(40, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def expected_outputs() -> list[float]:
    """PyTorch's."""
    with torch.no_grad():
        outputs: list[float] = Tiny()(torch.zeros(2, 3)).flatten().tolist()
    return outputs


def build_package(folder: Path) -> Path:
    """The package in `folder`/pkg."""
    out, example = folder / "pkg", (torch.zeros(2, 3),)
    dynamic = ["x.0=batch:1..64"]
    wasm_torch_web.build(
        Tiny(), example, out=out, dynamic=dynamic, name=NAME, license="MIT", verify=False
    )
    return out


def packed(package: Path) -> Path:
    """The tarball of `npm pack`."""
    run("npm", "pack", "--silent", "--pack-destination", str(package.parent), cwd=package)
    return next(package.parent.glob("*.tgz"))


def new_project(folder: Path, tarball: Path) -> Path:
    """`folder` as a project with the package installed; takes nothing from the network."""
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    run("npm", "install", "--offline", "--no-audit", "--no-fund", str(tarball), cwd=folder)
    return folder


def run(*command: str, cwd: Path) -> str:
    """What a command that succeeds prints."""
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def plain(text: str) -> str:
    """Without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def snippet(package: Path, heading: str, language: str) -> str:
    """The first code block below a heading of the README."""
    text = (package / "README.md").read_text().split(f"## {heading}")[1]
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


def page_script(package: Path, module: str = NAME, base_url: str = "") -> str:
    """The snippet for bundlers, with the package from another address."""
    script = snippet(package, "With a bundler", "js").replace(f"'{NAME}'", f"'{module}'")
    return script.replace("load({", f"load({{ baseUrl: '{base_url}',") if base_url else script


def copy_files(project: Path, folder: str, *options: str, package: str = NAME) -> None:
    """The package's own command."""
    run("npx", "--offline", package, "copy", folder, *options, cwd=project)


class Log:
    """An ASGI app that notes the path and the status of every answer of another."""

    def __init__(self, app: ASGIApp, answers: list[tuple[str, int]]) -> None:
        self.app, self.answers = app, answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry point."""

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answers.append((scope["path"], message["status"]))
            await send(message)

        await self.app(scope, receive, noted)


@dataclass(frozen=True)
class Site:
    """A folder that is being served, and the paths and statuses of what was asked of it."""

    url: str
    answers: list[tuple[str, int]]

    def check_answers(self) -> None:
        """Nothing was missing; one runtime came, plan and weights once."""
        assert [answer for answer in self.answers if answer[1] >= 400] == []
        paths = [path for path, _ in self.answers]
        assert sum(path.endswith(".wasm") for path in paths) == 1, paths
        binaries = [path for path in paths if path.endswith(".bin")]
        assert len(binaries) == len(set(binaries)) >= 2, paths


@contextmanager
def served(folder: Path, csp: str = STRICT_CSP, isolated: bool = True) -> Iterator[Site]:
    """Serves a folder whose index.html is its page."""
    answers: list[tuple[str, int]] = []
    files = Files(directory=folder, html=True)
    app = application([Mount("/", files)], csp + DATA_ICON, isolated)
    with running(Log(app, answers)) as url:
        yield Site(url, answers)


@dataclass(frozen=True)
class Printed:
    """What the snippet prints on a page: the variant, and the output's shape and data."""

    variant: str
    shape: list[int]
    data: list[float]

    def check(self, variant: str | None = None) -> None:
        """The output is PyTorch's, of the variant that ends like this."""
        assert self.shape == [2, 4]
        assert self.data == pytest.approx(expected_outputs(), abs=1e-5)
        assert variant is None or self.variant.endswith(variant), self.variant


def visit(browser: Browser, url: str) -> Printed:
    """Opens a page that must not complain of anything."""
    with tab(browser) as opened:
        try:
            printed = opened_page(opened.page, url)
        except TimeoutError as error:
            raise AssertionError(f"no output: {opened.errors}") from error
        assert opened.errors == []
    return printed


def opened_page(page: Page, url: str) -> Printed:
    """Opens an address in this page and waits for the output."""
    return printed_by(page, lambda: page.goto(url))


def printed_by(page: Page, action: Callable[[], object]) -> Printed:
    """What the page prints after an action that makes it run the snippet."""
    variants: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if found := VARIANT.match(message.text):
            variants.append(found[0])

    page.on("console", note)
    with page.expect_console_message(lambda m: m.text.startswith("output ")) as message:
        action()
    _, shape, data = message.value.args
    return Printed(variants[-1], shape.json_value(), data.evaluate("data => Array.from(data)"))


def check_emitted_once(folder: Path, package: Path, workers: int = 1) -> None:
    """What a bundler has written holds each of the package's assets once, none of them inlined."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = Counter(sha256(path.read_bytes()).hexdigest() for path in files)
    # Bundlers may shorten the worker: it is known by what it calls.
    for name in set(entry.assets(manifests.read(package))) - {"worker.js"}:
        digest = sha256((package / name).read_bytes()).hexdigest()
        assert found[digest] == 1, f"{name}: {found[digest]} times"
    scripts = [path.read_text() for path in files if path.suffix in (".js", ".mjs", ".cjs")]
    assert sum("wtw_helper_run" in script for script in scripts) == workers
    assert not any("data:application" in script for script in scripts)
