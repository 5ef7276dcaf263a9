"""The packed package installed as users install it: Vite, esbuild, a plain page, Node.

What runs is the README's own snippet, under a strict Content-Security-Policy.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser
from starlette.routing import Mount
from support.browser import tab
from torch import nn

import wasm_torch_web
from wasm_torch_web.serving import Files, application, running
from wasm_torch_web.serving.guard import STRICT_CSP

NAME = "tiny-model"
BIN = Path(__file__).parents[2] / "node_modules/.bin"
PAGE = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="main.js"></script>'
DATA_ICON = "; img-src data:"


class Tiny(nn.Module):
    """Two layers; its README's input is a batch of two rows of zeros."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(3, 40), nn.ReLU(), nn.Linear(40, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@pytest.fixture(scope="module")
def expected() -> list[float]:
    with torch.no_grad():
        outputs: list[float] = Tiny()(torch.zeros(2, 3)).flatten().tolist()
    return outputs


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "pkg"
    example = (torch.zeros(2, 3),)
    dynamic = ["x.0=batch:1..64"]
    wasm_torch_web.build(Tiny(), example, out=out, dynamic=dynamic, name=NAME, verify=False)
    return out


@pytest.fixture(scope="module")
def tarball(package: Path) -> Path:
    run("npm", "pack", "--silent", "--pack-destination", str(package.parent), cwd=package)
    return next(package.parent.glob("*.tgz"))


@pytest.fixture
def project(tarball: Path, tmp_path: Path) -> Path:
    """A project with the package installed."""
    (tmp_path / "package.json").write_text('{"private": true, "type": "module"}')
    run("npm", "install", "--offline", "--no-audit", "--no-fund", str(tarball), cwd=tmp_path)
    return tmp_path


def run(*command: str, cwd: Path) -> str:
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def snippet(package: Path, heading: str, language: str) -> str:
    """The first code block below a heading of the README."""
    text = (package / "README.md").read_text().split(f"## {heading}")[1]
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found is not None
    return found[1]


@contextmanager
def served(folder: Path, csp: str = STRICT_CSP, isolated: bool = True) -> Iterator[str]:
    files = Files(directory=folder, html=True)
    with running(application([Mount("/", files)], csp + DATA_ICON, isolated)) as url:
        yield url


def outputs_of(browser: Browser, url: str) -> tuple[str, list[int], list[float]]:
    """The variant, and the shape and data of the output that the page prints; no complaints."""
    with tab(browser) as opened:
        printed: list[str] = []
        opened.page.on("console", lambda message: printed.append(message.text))
        wanted = opened.page.expect_console_message(lambda m: m.text.startswith("output "))
        with wanted as message:
            opened.page.goto(url)
        _, shape, data = message.value.args
        result = shape.json_value(), data.evaluate("data => Array.from(data)")
        assert opened.errors == []
    return next(text for text in printed if "-" in text).split()[0], *result


def check(found: tuple[str, list[int], list[float]], expected: list[float]) -> None:
    _, shape, data = found
    assert shape == [2, 4]
    assert data == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("isolated", [True, False])
def test_vite_build(
    browser: Browser, package: Path, project: Path, expected: list[float], isolated: bool
) -> None:
    (project / "index.html").write_text(PAGE)
    (project / "main.js").write_text(snippet(package, "With a bundler", "js"))
    run(str(BIN / "vite"), "build", "--logLevel", "warn", cwd=project)
    emitted = [path.name for path in (project / "dist/assets").iterdir()]
    assert sum(name.endswith(".wasm") for name in emitted) == 4
    scripts = (project / "dist/assets").glob("*.js")
    assert not any("data:application" in script.read_text() for script in scripts)
    with served(project / "dist", isolated=isolated) as url:
        found = outputs_of(browser, url)
    check(found, expected)
    assert found[0].endswith("threads" if isolated else "single")


def test_vite_development_server_with_the_recipe(
    browser: Browser, package: Path, project: Path, expected: list[float]
) -> None:
    recipe = (package / "headers/vite.config.js").read_text()
    (project / "vite.config.js").write_text(recipe)
    (project / "index.html").write_text(PAGE)
    (project / "main.js").write_text(snippet(package, "With a bundler", "js"))
    command = [str(BIN / "vite"), "--host", "127.0.0.1", "--port", "0", "--clearScreen", "false"]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = next(
                m[0] for line in server.stdout if (m := re.search(r"http://\S+", plain(line)))
            )
            found = outputs_of(browser, url)
        finally:
            server.terminate()
    check(found, expected)
    assert found[0].endswith("threads")


def plain(text: str) -> str:
    """Without the colours of a terminal."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_a_plain_page_with_an_import_map(
    browser: Browser, package: Path, project: Path, expected: list[float]
) -> None:
    page = snippet(package, "In a plain page", "html")
    (project / "index.html").write_text(page + '<link rel="icon" href="data:,">')
    (project / "main.js").write_text(snippet(package, "With a bundler", "js"))
    digest = re.search(r"'sha256-[^']+'", (package / "README.md").read_text())
    assert digest is not None
    csp = STRICT_CSP.replace("'wasm-unsafe-eval'", f"'wasm-unsafe-eval' {digest[0]}")
    with served(project, csp) as url:
        check(outputs_of(browser, url), expected)


def test_a_plain_page_with_copied_files(
    browser: Browser, package: Path, project: Path, expected: list[float]
) -> None:
    run("npx", "--offline", NAME, "copy", "public/model", cwd=project)
    script = snippet(package, "With a bundler", "js").replace(f"'{NAME}'", "'./model/index.js'")
    (project / "public/index.html").write_text(PAGE)
    (project / "public/main.js").write_text(script)
    with served(project / "public") as url:
        check(outputs_of(browser, url), expected)


def test_esbuild_with_copied_files(
    browser: Browser, package: Path, project: Path, expected: list[float]
) -> None:
    run("npx", "--offline", NAME, "copy", "public/model", cwd=project)
    script = snippet(package, "With a bundler", "js").replace(
        "load({", "load({ baseUrl: '/model/',"
    )
    (project / "main.js").write_text(script)
    (project / "public/index.html").write_text(PAGE)
    options = ["--bundle", "--format=esm", "--outfile=public/main.js", "--log-level=warning"]
    run(str(BIN / "esbuild"), "main.js", *options, cwd=project)
    with served(project / "public") as url:
        check(outputs_of(browser, url), expected)


def node(project: Path, name: str, script: str) -> list[float]:
    """Runs a script that prints the output's data as JSON at the end; stderr must stay empty."""
    (project / name).write_text(script)
    result = subprocess.run(
        ["node", name], cwd=project, capture_output=True, text=True, timeout=120
    )
    assert (result.returncode, result.stderr) == (0, "")
    data: list[float] = json.loads(result.stdout.splitlines()[-1])
    return data


PRINT = "console.log(JSON.stringify(Array.from(outputs.output.data)));\n"


def test_node_as_an_ecmascript_module(package: Path, project: Path, expected: list[float]) -> None:
    script = snippet(package, "In Node", "js") + PRINT
    assert node(project, "main.mjs", script) == pytest.approx(expected, abs=1e-5)


def test_node_as_commonjs(package: Path, project: Path, expected: list[float]) -> None:
    first, *rest = snippet(package, "In Node", "js").splitlines(keepends=True)
    require = first.split("// or: ")[1]
    script = f"{require}(async () => {{\n{''.join(rest)}{PRINT}}})();\n"
    assert node(project, "main.cjs", script) == pytest.approx(expected, abs=1e-5)


def test_node_ends_by_itself_without_dispose(
    package: Path, project: Path, expected: list[float]
) -> None:
    script = snippet(package, "In Node", "js").replace("await model.dispose();\n", "") + PRINT
    assert node(project, "main.mjs", script) == pytest.approx(expected, abs=1e-5)
