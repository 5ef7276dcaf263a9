"""The demo page in Chromium: what it gives to a model, and how it shows what comes out."""

from __future__ import annotations

import io
import math
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from demo_page.conftest import Open, ready
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from support.sounds import wav

from wasm_torch_web.serving import Hints

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
ORANGE = (255, 102, 0)


def port(page: Page, panel: str, name: str) -> Locator:
    return page.locator(f"#{panel} [role=group][aria-label={name}]")


def numbers(page: Page, name: str) -> list[float]:
    """The first row of an output, as the table of numbers shows it."""
    view = port(page, "output", name).get_by_label("View")
    if view.count():
        view.select_option("table")
    cells = port(page, "output", name).locator("tr").first.locator("td")
    return [float(text) for text in cells.all_text_contents() if text != "…"]


def picture(colour: tuple[int, int, int]) -> dict[str, Any]:
    data = io.BytesIO()
    Image.new("RGB", (100, 80), colour).save(data, "PNG")
    return {"name": "colour.png", "mimeType": "image/png", "buffer": data.getvalue()}


def sound(samples: np.ndarray) -> dict[str, Any]:
    return {"name": "sound.wav", "mimeType": "audio/wav", "buffer": wav(samples, 16000)}


def runs(page: Page, count: int) -> None:
    """Waits until the model has run so many times since the page was opened."""
    expect(page.locator("#latency .chart rect")).to_have_count(count)
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_enabled()


def test_a_picture_becomes_the_numbers_of_the_chosen_scale(package: Path, opened: Open) -> None:
    scaled = np.array(ORANGE) / 255
    expected = {
        "0..1": scaled,
        "-1..1": scaled * 2 - 1,
        "imagenet": (scaled - MEAN) / DEVIATION,
    }
    with opened(package) as tab:
        page = ready(tab.page)
        page.locator("input[type=file][accept^=image]").set_input_files(picture(ORANGE))
        runs(page, 2)
        for count, (scale, colour) in enumerate(expected.items(), 3):
            port(page, "input", "picture").get_by_label("Values").select_option(scale)
            runs(page, count)
            assert numbers(page, "colour") == pytest.approx(colour, abs=1e-3)
        assert tab.errors == []


def test_a_sound_sets_the_number_of_frames(package: Path, opened: Open) -> None:
    half = np.full(16 * 1024 + 100, 0.5)
    with opened(package) as tab:
        page = ready(tab.page)
        page.locator("input[type=file][accept^=audio]").set_input_files(sound(half))
        runs(page, 2)
        assert page.get_by_label("sound_0 (1 to 50)").input_value() == "16"
        told = re.compile(r"Memory\s*[\d.]+ \w+\s*[\d.]+ \w+ for a run")
        expect(page.locator("#card")).to_contain_text(told)
        assert numbers(page, "loudness")[:8] == pytest.approx([0.5] * 8, abs=1e-3)
        expect(port(page, "output", "longest")).to_contain_text("16")
        assert tab.errors == []


def test_sizes_and_numbers_are_those_that_are_typed(package: Path, opened: Open) -> None:
    with opened(package) as tab:
        page = ready(tab.page)
        page.get_by_label("tokens_1 (1 to 9)").fill("4")
        page.keyboard.press("Tab")
        runs(page, 2)
        expect(port(page, "output", "embedded")).to_contain_text("[1, 4, 3]")
        page.get_by_label("tokens_1 (1 to 9)").fill("10")  # out of bounds: nothing runs
        page.keyboard.press("Tab")
        port(page, "input", "shift").get_by_label("Value").fill("3")
        page.keyboard.press("Tab")
        page.get_by_label("tokens_1 (1 to 9)").fill("5")
        page.keyboard.press("Tab")
        expect(port(page, "output", "embedded")).to_contain_text("[1, 5, 3]")
        assert all(3 <= value <= 4 for value in numbers(page, "brightness"))


def test_a_map_is_painted_dot_by_dot(package: Path, opened: Open) -> None:
    with opened(package) as tab:
        page = ready(tab.page)
        canvas = port(page, "output", "brightness").locator("canvas")
        size = canvas.evaluate("canvas => [canvas.width, canvas.height]")
        assert size == [32, 24]
        painted = canvas.evaluate(
            "c => new Set(new Uint32Array("
            "c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
        )
        assert painted > 10


def test_a_failed_run_is_explained_and_the_next_one_clears_it(package: Path, opened: Open) -> None:
    with opened(package) as tab:
        page = ready(tab.page)
        tokens = port(page, "input", "tokens")
        tokens.get_by_label("From").fill("500")
        tokens.get_by_label("To").fill("600")
        page.keyboard.press("Tab")
        failure = page.locator("[role=alert] .failure")
        expect(failure).to_contain_text("WTW509")
        expect(failure).to_contain_text("Check the indices")
        tokens.get_by_label("From").fill("0")
        tokens.get_by_label("To").fill("9")
        page.keyboard.press("Tab")
        expect(failure).to_have_count(0)


def test_a_damaged_package_is_explained(package: Path, tmp_path: Path, opened: Open) -> None:
    damaged = shutil.copytree(package, tmp_path / "damaged")
    weights = bytearray((damaged / "weights-00.bin").read_bytes())
    weights[0] ^= 1
    (damaged / "weights-00.bin").write_bytes(weights)
    with opened(damaged) as tab:
        expect(tab.page.locator("[role=alert]")).to_contain_text("WTW304")
        expect(tab.page.locator("h1")).to_have_text("everything")


def test_labels_name_the_classes(package: Path, tmp_path: Path, opened: Open) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("red\ngreen\nblue\n")
    sample = tmp_path / "sea.png"
    Image.new("RGB", (64, 64), (0, 40, 200)).save(sample)
    hints = Hints(labels=labels, scale="-1..1", samples=(sample,))
    with opened(package, hints=hints) as tab:
        page = ready(tab.page)
        rows = port(page, "output", "colour").locator("li")
        assert rows.locator(".name").all_text_contents() == ["blue", "green", "red"]
        scores = np.exp(np.array([0, 40, 200]) / 255 * 2 - 1)
        shares = rows.locator(".value").all_text_contents()
        expected = sorted(100 * scores / scores.sum(), reverse=True)
        assert [float(share.rstrip(" %")) for share in shares] == pytest.approx(expected, abs=0.2)


@pytest.mark.parametrize("context", ["desktop", "desktop-dark", "phone"])
def test_it_fits_is_readable_and_has_a_name_for_everything(
    package: Path, opened: Open, context: str
) -> None:
    with opened(package, context) as tab:
        page = ready(tab.page)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width == page.viewport_size["width"]
        unnamed = page.evaluate(
            "[...document.querySelectorAll('input, select, button')].filter(e =>"
            " !(e.labels?.[0]?.textContent || e.textContent || e.querySelector('img')?.alt)).length"
        )
        assert unnamed == 0
        for text, ground in (
            ("text", "ground"),
            ("text", "sunken"),
            ("quiet", "panel"),
            ("quiet", "sunken"),
            ("on-accent", "accent"),
            ("good", "good-tint"),
            ("bad", "panel"),
            ("text", "bad-tint"),
        ):
            assert contrast(colour(page, text), colour(page, ground)) >= 4.5, (text, ground)
        assert tab.errors == []


def colour(page: Page, name: str) -> list[int]:
    """A colour of the theme in use."""
    text = page.evaluate(
        "name => getComputedStyle(document.documentElement).getPropertyValue(name)", f"--{name}"
    )
    return [int(text.strip()[i : i + 2], 16) for i in (1, 3, 5)]


def contrast(a: list[int], b: list[int]) -> float:
    """By the formula of WCAG 2."""

    def luminance(rgb: list[int]) -> float:
        parts = [c / 255 for c in rgb]
        linear = [c / 12.92 if c <= 0.04045 else math.pow((c + 0.055) / 1.055, 2.4) for c in parts]
        return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(a), luminance(b)))
    return (light + 0.05) / (dark + 0.05)
