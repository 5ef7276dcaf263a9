"""Each page of the gallery: what it says of its sample, and how it is to use."""

from __future__ import annotations

import pytest
from gallery.conftest import ROOT, Open
from playwright.sync_api import Page, expect

AXE = ROOT / "node_modules/axe-core/axe.min.js"
# Page -> what its first sample comes to, in the status line.
OUTCOMES = {
    "photo": "Egyptian cat",
    "text": "lines of text",
    "pitch": "In the median",
    "sentences": "Most alike: A man is eating a piece of bread.",
    "voice": "Somebody speaks 6 times",
}


def finished(page: Page, name: str) -> Page:
    """The page, once it has shown the outcome of its first sample."""
    if name in OUTCOMES:
        expect(page.locator("#status")).to_contain_text(OUTCOMES[name])
    return page


def complaints(page: Page) -> list[str]:
    """What axe-core finds wrong: the rule and the first element."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    # Preloading would write style sheets into the page, which its policy refuses.
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'], preload: false })")
    assert found["passes"], "no rule was tried"
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found["violations"]]


@pytest.mark.parametrize("name", ["index", *OUTCOMES])
def test_a_phone_shows_all_of_it_and_nothing_moves(name: str, opened: Open) -> None:
    with opened(name, "phone") as tab:
        page = finished(tab.page, name)
        assert page.evaluate("document.documentElement.scrollWidth") == 375
        assert complaints(page) == []
        assert page.evaluate("shifts") == []
        assert tab.errors == []


@pytest.mark.parametrize("name", ["index", *OUTCOMES])
def test_a_desktop_shows_it_in_light_and_dark(name: str, opened: Open) -> None:
    with opened(name, "desktop-dark") as tab:
        page = finished(tab.page, name)
        assert complaints(page) == []
        page.emulate_media(color_scheme="light")
        assert complaints(page) == []
        assert page.evaluate("shifts") == []
        assert tab.errors == []


def test_a_keyboard_is_enough(opened: Open) -> None:
    with opened("photo") as tab:
        page = finished(tab.page, "photo")
        labels = []
        for _ in range(5):
            page.keyboard.press("Tab")
            labels.append(
                page.evaluate(
                    "(document.activeElement.labels?.[0] ?? document.activeElement).innerText"
                )
            )
        expected = ["wasm-torch-web gallery", "Choose a photo", "Take one", "Cat", "Coffee"]
        assert labels == expected
        page.keyboard.press("Enter")
        expect(page.locator("#status")).to_contain_text("espresso")


def test_what_fails_is_told_and_the_next_file_clears_it(opened: Open) -> None:
    with opened("photo") as tab:
        page = finished(tab.page, "photo")
        chooser = page.locator("input[type=file]").first
        chooser.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
        expect(page.get_by_role("alert")).to_contain_text("no picture that the browser can read")
        chooser.set_input_files(ROOT / "build/gallery/samples/coffee.png")
        expect(page.locator("#status")).to_contain_text("espresso")
        expect(page.get_by_role("alert")).to_be_empty()
        assert tab.errors == []


def test_a_missing_package_is_told(opened: Open, gallery: str) -> None:
    with opened("index") as tab:
        tab.page.route("**/packages/crepe/model.json", lambda route: route.fulfill(status=404))
        tab.page.goto(f"{gallery}/pitch.html")
        expect(tab.page.get_by_role("alert")).to_contain_text("model.json")
        expect(tab.page.locator("#microphone")).to_be_disabled()
