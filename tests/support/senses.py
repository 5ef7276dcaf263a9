"""A package that takes a picture and a sound and names classes: all extensions that there are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser
from torch import nn

import wasm_torch_web

from .browser import tab

NAME = "senses"
LABELS = ("cat", "dog", "bird")
# 8 x 8 pixels and 64 samples of two channels: what prepares them is tested elsewhere.
SCRIPT = """
import { load } from '%(module)s';

const channel = (_, i) => (i %% 4 === 3 ? 255 : (i * 7) %% 256);
const picture = new ImageData(Uint8ClampedArray.from({ length: 256 }, channel), 8, 8);
const data = Float32Array.from({ length: 128 }, (_, i) => i / 128);
const sound = { data, sampleRate: 8000, channels: 2 };
const model = await load(%(options)s);
const best = await model.classify({ picture, sound });
console.log('best', JSON.stringify(best));
await model.dispose();
"""


class Senses(nn.Module):
    """Scores for the labels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(3 * 64 + 64, len(LABELS))

    def forward(self, picture: torch.Tensor, sound: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.head(torch.cat([picture.flatten(1), sound], 1))
        return scores


def build_senses(folder: Path) -> Path:
    """The package in `folder`/pkg."""
    (folder / "labels.txt").write_text("\n".join(LABELS))
    wasm_torch_web.build(
        Senses(),
        (torch.zeros(1, 3, 8, 8), torch.zeros(1, 64)),
        preprocess=["picture=image:rescale=1/255", "sound=audio:rate=8000"],
        labels=folder / "labels.txt",
        out=folder / "pkg",
        name=NAME,
        license="MIT",
        verify=False,
    )
    return folder / "pkg"


def senses_script(module: str = NAME, base_url: str = "") -> str:
    """What a page runs."""
    options = json.dumps({"baseUrl": base_url}) if base_url else ""
    return SCRIPT % {"module": module, "options": options}


def check_best(browser: Browser, url: str) -> None:
    """A page with that script prints what PyTorch says, and complains of nothing."""
    with tab(browser) as opened:
        with opened.page.expect_console_message(lambda m: m.text.startswith("best ")) as message:
            opened.page.goto(url)
        best: list[dict[str, Any]] = json.loads(message.value.text.removeprefix("best "))
        assert opened.errors == []
    pixels = (torch.arange(256).view(8, 8, 4)[..., :3] * 7 % 256) / 255
    samples = (torch.arange(128) / 128).view(64, 2).mean(1)
    with torch.no_grad():
        logits = Senses()(pixels.permute(2, 0, 1)[None], samples[None])[0]
    scores, indices = logits.softmax(0).sort(descending=True)
    assert [one["label"] for one in best] == [LABELS[i] for i in indices]
    assert [one["score"] for one in best] == pytest.approx(scores.tolist(), abs=1e-5)
