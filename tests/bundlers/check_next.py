"""The packed package in the newest Next.js: app router, client component, both of its bundlers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.installed import check_emitted_once, page_script, run, visit
from support.ports import free_port
from support.tools import binary, install, passes, serving, version

RECIPE = "headers/next.config.mjs"
# Turbopack puts the worker that the server's build sees beside the one that pages fetch.
WORKERS = {"turbopack": 2, "webpack": 1}
LAYOUT = """
export default function Layout({ children }) {
  return (
    <html lang="en">
      <head><link rel="icon" href="data:," /></head>
      <body>{children}</body>
    </html>
  );
}
"""
PAGE = """
'use client';
import {{ useEffect }} from 'react';
{imports}

async function main() {{
  {body}
}}

export default function Page() {{
  useEffect(() => {{
    main();
  }}, []);
  return <p>A model</p>;
}}
"""


@pytest.fixture
def application(package: Path, project: Path) -> Path:
    install(project, "next", "react", "react-dom")
    imports, body = page_script(package).split("\n", 1)
    (project / "app").mkdir()
    (project / "app/layout.js").write_text(LAYOUT)
    (project / "app/page.js").write_text(PAGE.format(imports=imports, body=body).lstrip())
    return project


@contextmanager
def next_server(project: Path, *arguments: str) -> Iterator[str]:
    port = free_port()
    address = ("--port", str(port), "--hostname", "127.0.0.1")
    with serving([binary(project, "next"), *arguments, *address], port, project) as url:
        yield url


@pytest.mark.parametrize("bundler", ["turbopack", "webpack"])
def test_next(browser: Browser, package: Path, application: Path, bundler: str) -> None:
    name = f"Next {version(application, 'next')}"
    for recipe in (False, True):
        if recipe:
            shutil.copy(package / RECIPE, application)
        run(binary(application, "next"), "build", f"--{bundler}", cwd=application)
        check_emitted_once(application / ".next/static", package, WORKERS[bundler])
        with next_server(application, "start") as url:
            printed = visit(browser, url)
        printed.check("threads" if recipe else "single")
        note = RECIPE if recipe else ""
        passes(f"{name} build, {bundler}", browser, printed, note, "bundlers")
    with next_server(application, "dev", f"--{bundler}") as url:
        printed = visit(browser, url)
    printed.check("threads")
    passes(f"{name} dev, {bundler}", browser, printed, RECIPE, "bundlers")
