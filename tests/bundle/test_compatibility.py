"""The table of hosts and browsers: newest results win, others stay, the page says what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.compatibility import record

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))


def test_a_newer_minor_version_takes_the_place_of_an_older(tmp_path: Path) -> None:
    import compatibility_doc

    record("Vite 8.2.1 dev", "Chromium 155", "relaxed-threads", "passes", folder=tmp_path)
    record("Vite 7.0.0 dev", "Chromium 155", "relaxed-threads", "passes", folder=tmp_path)
    known = compatibility_doc.merge({}, tmp_path)
    record("Vite 8.3.8 dev", "Chromium 156", "relaxed-threads", "a reason", folder=tmp_path)
    rows = compatibility_doc.merge(known, tmp_path).values()
    assert [(row["host"], row["result"]) for row in rows] == [
        ("Vite 7.0.0 dev", "passes"),
        ("Vite 8.3.8 dev", "a reason"),
    ]


def test_results_of_runs_that_are_not_repeated_stay(tmp_path: Path) -> None:
    import compatibility_doc

    record("Bun 1.3", "", "relaxed-threads", "passes", folder=tmp_path / "first")
    known = compatibility_doc.merge({}, tmp_path / "first")
    folder = tmp_path / "second"
    record("Bun 1.3", "", "simd128-single", "passes", "why", "runtimes", folder)
    rows = compatibility_doc.merge(known, folder)
    page = compatibility_doc.render({"rows": rows, "sizes": {"relaxed-threads": [530e3, 160e3]}})
    pages, runtimes = page.split("## Runtimes")
    assert "| page | variants | result | seen |" in pages
    assert "| Bun 1.3 | relaxed-threads | passes |" in pages
    assert "| Bun 1.3 | simd128-single | passes | why |" in runtimes
    assert "| relaxed-threads | 530 | 160 |" in page


def test_the_page_says_what_the_results_say() -> None:
    import compatibility_doc

    results = json.loads(compatibility_doc.RESULTS.read_text())
    assert compatibility_doc.FILE.read_text() == compatibility_doc.render(results)


def test_the_download_of_a_variant_is_small() -> None:
    import compatibility_doc

    for raw, compressed in compatibility_doc.sizes(compatibility_doc.RUNTIME).values():
        assert 0 < raw < 1e6
        assert 0 < compressed < 350e3
