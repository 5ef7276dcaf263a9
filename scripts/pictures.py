"""The demo and the gallery in, their pictures in docs/images/ out: `make pictures` runs this.

python scripts/pictures.py [demo] [index] [photo] [text] [pitch] [sentences] [voice]
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import demo
import gallery
from common import ROOT
from packages import ensure
from PIL import Image
from playwright.sync_api import Browser, Page

from wasm_torch_web import serving
from wasm_torch_web.verify import chromium

IMAGES = ROOT / "docs/images"
# Names of the pages, and what is to be seen before the picture is taken.
PAGES = {
    "index": "main",
    "photo": "#classes li",
    "text": "#status:has-text('lines of text')",
    "pitch": "#status:has-text('In the median')",
    "sentences": "#similar li",
    "voice": "#spans li",
}
HEIGHT = 600
PATIENCE_MS = 120_000
COLOURS = 192  # of a palette: a third of the bytes


def main() -> None:
    wanted = sys.argv[1:] or ["demo", *PAGES]
    with chromium.launched() as browser:
        for name in wanted:
            if name == "demo":
                save_demo(browser)
            else:
                save_page(browser, name)


def save_demo(browser: Browser) -> None:
    """All of the page, with what it says after twenty runs."""
    shown = demo.mobilenet_v2()
    package = demo.FOLDER / "mobilenet-v2"
    ensure(shown.recipe, package)
    app = serving.demo(package, serving.Hints(samples=shown.samples))
    with serving.running(app) as url, opened(browser, url, 1200) as page:
        page.locator("#self-test .badge").wait_for()
        page.get_by_role("button", name="Run 20 times").click()
        page.get_by_text("21 runs").wait_for()
        save("demo", page.locator("body").screenshot(), 1200)


def save_page(browser: Browser, name: str) -> None:
    gallery.assemble(gallery.FOLDER, verify=False)
    site = serving.site(gallery.FOLDER)
    with serving.running(site) as url, opened(browser, f"{url}/{name}.html", 960) as page:
        page.locator(PAGES[name]).first.wait_for(timeout=PATIENCE_MS)
        save(f"gallery-{name}", page.screenshot(), 640)


@contextmanager
def opened(browser: Browser, url: str, width: int) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": width, "height": HEIGHT}, color_scheme="light")
    try:
        page.goto(url)
        yield page
    finally:
        page.close()


def save(name: str, shot: bytes, width: int) -> None:
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    height = picture.height * width // picture.width
    small = picture.resize((width, height), Image.Resampling.LANCZOS).quantize(COLOURS)
    path = IMAGES / f"{name}.png"
    small.save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {width} x {height}, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
