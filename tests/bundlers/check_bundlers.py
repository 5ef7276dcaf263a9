"""The packed package through the newest of every bundler, from the npm registry (`make bundlers`).

What is built has every asset once, and runs on isolated pages and on others.
"""

from __future__ import annotations

import json
import re
import shutil
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.installed import (
    PAGE,
    check_emitted_once,
    copy_files,
    page_script,
    run,
    served,
    visit,
)
from support.ports import free_port
from support.tools import binary, install, passes, serving, version

from wasm_torch_web.serving.guard import STRICT_CSP

ICON = '<link rel="icon" href="data:,">'
COPIED = ", files copied"
ROLLUP = """
import resolve from '@rollup/plugin-node-resolve';
{imports}
export default {{
  input: 'main.js',
  output: {{ dir: 'dist', format: 'es' }},
  plugins: [resolve({{ browser: true }}){plugins}],
}};
"""


@dataclass(frozen=True)
class Bundler:
    """How to bundle main.js into dist/.

    Attributes:
        packages: from the registry; the first is the bundler.
        command: its command and arguments.
        page: index.html of dist/; empty where the bundler makes one of the project's.
        files: further files of the project.
        emits: whether it emits assets; else they are copied, and found by baseUrl.
        how: which way of several; part of its name in docs/compatibility.md.
        note: what the project was given.
    """

    packages: tuple[str, ...]
    command: tuple[str, ...]
    page: str = PAGE
    files: dict[str, str] = field(default_factory=dict)
    emits: bool = True
    how: str = ""
    note: str = ""


def rollup(plugin: bool) -> Bundler:
    """With and without the plugin that emits assets."""
    name = "@web/rollup-plugin-import-meta-assets"
    config = ROLLUP.format(
        imports=f"import {{ importMetaAssets }} from '{name}';" if plugin else "",
        plugins=", importMetaAssets()" if plugin else "",
    )
    packages = ("rollup", "@rollup/plugin-node-resolve", *([name] if plugin else []))
    command = ("rollup", "--config", "--silent")
    how = f", {name}" if plugin else COPIED
    return Bundler(packages, command, files={"rollup.config.js": config}, emits=plugin, how=how)


VITE = ("vite", "build")
# For the `await` at the top level of the README's snippet.
ES2022 = "build: { target: 'es2022' }"
WEBPACK = ("webpack", "--mode", "production", "--entry", "./main.js")
PARCELRC = json.dumps(
    {
        "extends": "@parcel/config-default",
        "transformers": {"model.json": ["@parcel/transformer-raw"]},
    }
)
PARCEL = ("parcel", "build", "index.html", "--dist-dir", "dist", "--no-source-maps")
ESBUILD = ("esbuild", "main.js", "--bundle", "--format=esm", "--outdir=dist")
BUNDLERS = {
    **{
        f"vite {major}": Bundler(
            (f"vite@{major}",),
            VITE,
            page="",
            files={"vite.config.js": f"export default {{ {ES2022} }};"},
            note=ES2022,
        )
        for major in (5, 6)
    },
    **{f"vite {major}": Bundler((f"vite@{major}",), VITE, page="") for major in (7, 8)},
    "webpack": Bundler(
        ("webpack@5", "webpack-cli"), WEBPACK, page=PAGE.replace('type="module"', "defer")
    ),
    "parcel": Bundler(
        ("parcel",), PARCEL, page="", files={".parcelrc": PARCELRC}, note=".parcelrc"
    ),
    "rollup with plugin": rollup(plugin=True),
    "rollup": rollup(plugin=False),
    "esbuild": Bundler(("esbuild",), ESBUILD, emits=False, how=COPIED),
}
INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
TITLES = {"vite": "Vite", "parcel": "Parcel", "rollup": "Rollup"}


def with_inline_scripts(csp: str, page: str) -> str:
    """The policy with the hashes of what a page has inline, such as Parcel's import map."""
    digests = [sha256(text.encode()).digest() for text in INLINE.findall(page)]
    hashes = "".join(f" 'sha256-{b64encode(digest).decode()}'" for digest in digests)
    return csp.replace("'wasm-unsafe-eval'", f"'wasm-unsafe-eval'{hashes}")


@pytest.mark.parametrize("name", BUNDLERS)
def test_build(browser: Browser, package: Path, project: Path, name: str) -> None:
    bundler, dist = BUNDLERS[name], project / "dist"
    install(project, *bundler.packages)
    for file, text in bundler.files.items():
        (project / file).write_text(text)
    (project / "index.html").write_text(PAGE.replace(ICON, ""))
    base_url = "" if bundler.emits else "/model/"
    (project / "main.js").write_text(page_script(package, base_url=base_url))
    run(binary(project, bundler.command[0]), *bundler.command[1:], cwd=project)
    page = bundler.page or (dist / "index.html").read_text().replace("<script", ICON + "<script")
    (dist / "index.html").write_text(page)
    if bundler.emits:
        check_emitted_once(dist, package)
    else:
        copy_files(project, "dist/model")
    tool = bundler.packages[0].partition("@")[0]
    host = f"{TITLES.get(tool, tool)} {version(project, tool)} build{bundler.how}"
    csp = with_inline_scripts(STRICT_CSP, page)
    for isolated in (True, False):
        with served(dist, csp, isolated) as site:
            printed = visit(browser, site.url)
            printed.check("threads" if isolated else "single")
            site.check_answers()
        passes(host, browser, printed, bundler.note, "bundlers")


@pytest.mark.parametrize("major", [5, 6, 7, 8])
def test_vite_development_server(
    browser: Browser, package: Path, project: Path, major: int
) -> None:
    install(project, f"vite@{major}")
    (project / "index.html").write_text(PAGE)
    (project / "main.js").write_text(page_script(package))
    host, port = f"Vite {version(project, 'vite')} dev", free_port()
    command = [binary(project, "vite"), "--host", "127.0.0.1", "--port", str(port), "--strictPort"]
    if major >= 8:
        with serving(command, port, project) as url:
            printed = visit(browser, url)
        printed.check("single")
        passes(host, browser, printed, section="bundlers")
    shutil.copy(package / "headers/vite.config.js", project)
    with serving(command, port, project) as url:
        printed = visit(browser, url)
    printed.check("threads")
    passes(host, browser, printed, "headers/vite.config.js", "bundlers")
