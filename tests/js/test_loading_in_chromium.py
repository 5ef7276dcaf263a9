"""What of loading only Chromium's protocol can bring about: a full disk, a page that is frozen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, CDPSession
from support.engines import chromium
from support.loading import Site, addresses_to_keep, good, shards, site, wait_until

from wasm_torch_web.verify.tab import ChromiumTab, wait_for


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
    at.call("watch")
    at.visit(keeps=False, worker=False)
    wait_for(at.tab, "refused.length > 0")
    assert at.tab.evaluate("() => refused") == ["QuotaExceededError"]
    assert len(at.call("kept")) < shards(loadable / "first")
    at.weights()
    at.visit(keeps=False)
    assert at.weights()
    session.send("Storage.overrideQuotaForOrigin", {"origin": quota["origin"]})
    at.visit()
    assert sorted(at.call("kept")) == sorted(addresses_to_keep(loadable / "first"))


def test_a_hidden_tab_loads(at: Site, session: CDPSession) -> None:
    at.first.limit = 2 << 20
    at.call("begin", {"folder": "first"})
    wait_until(at.first.waits)
    session.send("Page.setWebLifecycleState", {"state": "frozen"})
    at.first.limit = None
    time.sleep(1.5)
    session.send("Page.setWebLifecycleState", {"state": "active"})
    good(at.call("end"))
