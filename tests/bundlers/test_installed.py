"""The packed package installed as users install it: Vite, esbuild, a plain page, Node.

Beside this file, `check_*.py` do the same with the newest of every other tool (`make bundlers`).
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.browser import tab
from support.installed import (
    PAGE,
    check_emitted_once,
    copy_files,
    page_script,
    plain,
    run,
    served,
    snippet,
    visit,
)
from support.scripts import DISPOSE, check_script, commonjs_script, module_script
from support.tools import passes

from wasm_torch_web.serving.guard import STRICT_CSP

BIN = Path(__file__).parents[2] / "node_modules/.bin"
ESBUILD = ["--bundle", "--format=esm", "--outfile=public/main.js", "--log-level=warning"]


@pytest.mark.parametrize("isolated", [True, False])
def test_vite_build(browser: Browser, package: Path, project: Path, isolated: bool) -> None:
    (project / "index.html").write_text(PAGE)
    (project / "main.js").write_text(page_script(package))
    run(str(BIN / "vite"), "build", "--logLevel", "warn", cwd=project)
    check_emitted_once(project / "dist", package)
    with served(project / "dist", isolated=isolated) as site:
        visit(browser, site.url).check("threads" if isolated else "single")
        site.check_answers()


def test_vite_development_server_with_the_recipe(
    browser: Browser, package: Path, project: Path
) -> None:
    recipe = (package / "headers/vite.config.js").read_text()
    (project / "vite.config.js").write_text(recipe)
    (project / "index.html").write_text(PAGE)
    (project / "main.js").write_text(page_script(package))
    command = [str(BIN / "vite"), "--host", "127.0.0.1", "--port", "0", "--clearScreen", "false"]
    with subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = next(
                m[0] for line in server.stdout if (m := re.search(r"http://\S+", plain(line)))
            )
            visit(browser, url).check("threads")
        finally:
            server.terminate()


def test_a_plain_page_with_an_import_map(browser: Browser, package: Path, project: Path) -> None:
    page = snippet(package, "In a plain page", "html")
    (project / "index.html").write_text(page + '<link rel="icon" href="data:,">')
    (project / "main.js").write_text(page_script(package))
    digest = re.search(r"'sha256-[^']+'", (package / "README.md").read_text())
    assert digest is not None
    csp = STRICT_CSP.replace("'wasm-unsafe-eval'", f"'wasm-unsafe-eval' {digest[0]}")
    with served(project, csp) as site:
        printed = visit(browser, site.url)
        printed.check("threads")
        site.check_answers()
    passes("a plain page with an import map, strict CSP", browser, printed)


def test_a_plain_page_with_copied_files(browser: Browser, package: Path, project: Path) -> None:
    copy_files(project, "public/model")
    (project / "public/index.html").write_text(PAGE)
    (project / "public/main.js").write_text(page_script(package, "./model/index.js"))
    for isolated in (True, False):
        with served(project / "public", isolated=isolated) as site:
            printed = visit(browser, site.url)
            printed.check("threads" if isolated else "single")
            site.check_answers()
        passes("a plain page with copied files, strict CSP", browser, printed)


def test_esbuild_with_copied_files(browser: Browser, package: Path, project: Path) -> None:
    copy_files(project, "public/model")
    (project / "main.js").write_text(page_script(package, base_url="/model/"))
    (project / "public/index.html").write_text(PAGE)
    run(str(BIN / "esbuild"), "main.js", *ESBUILD, cwd=project)
    with served(project / "public") as site:
        visit(browser, site.url).check()
        site.check_answers()


def test_without_the_files_the_error_says_how_to_copy_them(
    browser: Browser, package: Path, project: Path
) -> None:
    (project / "main.js").write_text(page_script(package))
    (project / "public").mkdir()
    (project / "public/index.html").write_text(PAGE)
    run(str(BIN / "esbuild"), "main.js", *ESBUILD, cwd=project)
    with served(project / "public") as site, tab(browser) as opened:
        with opened.page.expect_event("pageerror") as error:
            opened.page.goto(site.url)
        assert "npx PACKAGE copy DIR" in str(error.value)


def test_node_as_an_ecmascript_module(package: Path, project: Path) -> None:
    check_script(["node"], project, "main.mjs", module_script(package))


def test_node_as_commonjs(package: Path, project: Path) -> None:
    check_script(["node"], project, "main.cjs", commonjs_script(package))


def test_node_ends_by_itself_without_dispose(package: Path, project: Path) -> None:
    script = module_script(package)
    assert DISPOSE in script
    check_script(["node"], project, "main.mjs", script.replace(DISPOSE, ""))
