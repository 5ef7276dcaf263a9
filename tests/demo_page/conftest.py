"""Chromium, and a model that has an input and an output of every kind that the page knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page
from support.browser import tab
from torch import Tensor, nn
from torch.export import Dim, export

import wasm_torch_web
from wasm_torch_web import serving
from wasm_torch_web.serving import Hints
from wasm_torch_web.verify.tab import ChromiumTab


class Everything(nn.Module):
    """Outputs say what the page has made of its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, 3)

    def forward(self, picture: Tensor, sound: Tensor, tokens: Tensor, shift: int) -> dict:
        loudness = (sound * sound).mean(-1).sqrt()
        return {
            "colour": picture.mean((2, 3)),
            "brightness": picture.mean(1) + shift,
            "loudness": loudness,
            "embedded": self.embedding(tokens),
            "longest": loudness.shape[0],
        }


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    out = tmp_path_factory.mktemp("demo") / "everything"
    inputs = {
        "picture": torch.rand(1, 3, 24, 32),
        "sound": torch.rand(4, 1024),
        "tokens": torch.arange(6)[None],
        "shift": 0,
    }
    dynamic = {
        "picture": None,
        "sound": {0: Dim("frames", min=1, max=50)},
        "tokens": {1: Dim("length", min=1, max=9)},
        "shift": Dim.DYNAMIC,  # numbers are otherwise constants of the program
    }
    program = export(Everything(), (), inputs, dynamic_shapes=dynamic)
    wasm_torch_web.build(program, ((), inputs), out=out, name="everything", verify=False)
    return out


Open = Callable[..., AbstractContextManager[ChromiumTab]]


@pytest.fixture
def opened(browser: Browser) -> Open:
    """The page of a package, once its first run is over."""

    @contextmanager
    def open_page(
        folder: Path, context: str = "desktop", hints: Hints | None = None
    ) -> Iterator[ChromiumTab]:
        app = serving.demo(folder, hints or Hints())
        with serving.running(app) as url, tab(browser, context) as found:
            found.page.goto(url)
            yield found

    return open_page


def ready(page: Page) -> Page:
    """Waits for the first run and for the comparison that follows."""
    page.wait_for_selector("#self-test .badge")
    return page
