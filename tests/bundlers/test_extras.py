"""A package with --preprocess and --labels installed as users install it: Vite, esbuild, a page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser
from support.installed import PAGE, check_emitted_once, copy_files, new_project, packed, run, served
from support.senses import NAME, build_senses, check_best, senses_script

BIN = Path(__file__).parents[2] / "node_modules/.bin"
ESBUILD = ["--bundle", "--format=esm", "--outfile=public/main.js", "--log-level=warning"]


@pytest.fixture(scope="module")
def senses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_senses(tmp_path_factory.mktemp("senses"))


@pytest.fixture(scope="module")
def tarball_of_senses(senses: Path) -> Path:
    return packed(senses)


@pytest.fixture
def project(tarball_of_senses: Path, tmp_path: Path) -> Path:
    """With a page, and a script that imports the package."""
    folder = new_project(tmp_path, tarball_of_senses)
    (folder / "index.html").write_text(PAGE)
    (folder / "main.js").write_text(senses_script())
    return folder


def check_site(browser: Browser, folder: Path) -> None:
    with served(folder) as site:
        check_best(browser, site.url)
        site.check_answers()


def test_vite_build(browser: Browser, senses: Path, project: Path) -> None:
    run(str(BIN / "vite"), "build", "--logLevel", "warn", cwd=project)
    check_emitted_once(project / "dist", senses)
    check_site(browser, project / "dist")


@pytest.mark.parametrize("bundled", [True, False])
def test_copied_files(browser: Browser, project: Path, bundled: bool) -> None:
    public = project / "public"
    copy_files(project, "public/model", package=NAME)
    (public / "index.html").write_text(PAGE)
    if bundled:
        (project / "main.js").write_text(senses_script(base_url="/model/"))
        run(str(BIN / "esbuild"), "main.js", *ESBUILD, cwd=project)
    else:
        (public / "main.js").write_text(senses_script("./model/index.js"))
    check_site(browser, public)
