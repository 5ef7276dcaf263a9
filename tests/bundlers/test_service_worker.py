"""headers/service-worker.js on a host without headers: threads after a reload, and offline."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from playwright.sync_api import Browser, Page
from support.browser import tab
from support.installed import (
    PAGE,
    copy_files,
    opened_page,
    page_script,
    printed_by,
    served,
)
from support.tools import passes

ISOLATED = "() => globalThis.crossOriginIsolated"
KEPT = "async (name) => (await (await caches.open(name)).keys()).map(({ url }) => url)"
PATIENCE = 30.0
SITE, MODELS = "pages with models", "wasm-torch-web"


def wait_for_kept(page: Page, cache: str, count: int) -> list[str]:
    """The addresses of so many files, as soon as they are in a cache."""
    end = time.monotonic() + PATIENCE
    while len(found := list[str](page.evaluate(KEPT, cache))) < count:
        assert time.monotonic() < end, found
        page.wait_for_timeout(50)
    return found


def test_threads_without_headers_then_offline(
    browser: Browser, package: Path, project: Path
) -> None:
    public = project / "public"
    copy_files(project, "public/model")
    shutil.copy(package / "headers/service-worker.js", public)
    first = '<script src="service-worker.js"></script>'
    (public / "index.html").write_text(PAGE.replace("<script", f"{first}<script", 1))
    # Weights are kept while the model lives: here until all of them are.
    script = page_script(package, "./model/index.js").replace("await model.dispose();", "")
    (public / "main.js").write_text(script)
    spoilt = public / "model/runtime-simd128-single.wasm"
    spoilt.write_bytes(spoilt.read_bytes() + b"\0")
    with tab(browser) as opened:
        page = opened.page
        with served(public, isolated=False) as site:
            page.goto(site.url)
            page.wait_for_function(ISOLATED)
            page.goto("about:blank")  # the page's own reload must not print in between
            printed = opened_page(page, site.url)
            printed.check("threads")
            # The page, its two scripts, and seven of the package; not what is not as it should be.
            kept = wait_for_kept(page, SITE, 3 + 7)
            assert not any("simd128-single" in url for url in kept)
            wait_for_kept(page, MODELS, 2)
        printed_by(page, page.reload).check("threads")
        assert opened.errors == []
    for host in ("a host without headers", "no network, second visit"):
        passes(host, browser, printed, "headers/service-worker.js")
