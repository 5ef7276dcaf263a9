"""What of loading only Chromium's protocol can bring about: a full disk, a page that is frozen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, CDPSession
from support.engines import chromium
from support.loading import Site, files_to_keep, good, shards, site

from wasm_torch_web.verify.tab import ChromiumTab


@pytest.fixture
def at(browser: Browser, loadable: Path) -> Iterator[Site]:
    with site(chromium.engine(browser), loadable) as opened:
        yield opened


@pytest.fixture
def session(at: Site) -> CDPSession:
    assert isinstance(at.tab, ChromiumTab)
    return at.tab.page.context.new_cdp_session(at.tab.page)


def test_a_full_disk_keeps_no_one_from_loading(
    at: Site, session: CDPSession, loadable: Path
) -> None:
    quota = {"origin": at.url.rstrip("/"), "quotaSize": 2 << 20}
    session.send("Storage.overrideQuotaForOrigin", quota)
    at.visit()
    assert len(at.call("kept")) < shards(loadable / "first")
    at.weights()
    at.visit()
    assert at.weights()
    session.send("Storage.overrideQuotaForOrigin", {"origin": quota["origin"]})
    at.visit()
    assert len(at.call("kept")) == files_to_keep(loadable / "first")


def test_a_hidden_tab_loads(at: Site, session: CDPSession) -> None:
    at.first.seconds = 0.01
    at.call("begin", {"folder": "first"})
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    time.sleep(1.5)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    good(at.call("end"))
