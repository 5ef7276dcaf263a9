"""What can be said of the gallery without its packages; `make check-gallery` looks at the pages."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import voice_activity
from models import pretrained
from PIL import Image
from torch import Tensor

ROOT = Path(__file__).parents[2]
PAGES = ("photo", "text", "pitch", "sentences", "voice")


@pytest.mark.parametrize("name", ["index", *PAGES])
def test_it_has_its_picture_in_the_documentation(name: str) -> None:
    """`make pictures` makes it."""
    shown = ROOT / f"docs/images/gallery-{name}.png"
    assert Image.open(shown).size == (640, 400)
    assert shown.stat().st_size < 100_000


def test_each_page_and_its_script_are_an_example_that_one_can_read() -> None:
    site = ROOT / "demo_site/gallery"
    for name in PAGES:
        files = [site / f"{name}.html", site / f"{name}.js"]
        assert sum(len(file.read_text().splitlines()) for file in files) < 150, name


def test_the_voice_model_is_that_of_its_authors() -> None:
    """With the weights of their TorchScript archive it gives what the archive gives."""
    archive = torch.jit.load(str(pretrained.package("silero_vad") / "data/silero_vad.jit"))
    names = {
        "stft_conv.weight": "stft.forward_basis_buffer",
        "lstm_cell": "decoder.rnn",
        "final_conv": "decoder.decoder.2",
        **{f"conv{i + 1}": f"encoder.{i}.reparam_conv" for i in range(4)},
    }
    theirs = archive.state_dict()

    def of(name: str) -> Tensor:
        own, _, kind = name.rpartition(".")
        known = names.get(name) or f"{names[own]}.{kind}"
        return theirs[f"_model.{known}"]

    model = voice_activity.SileroVad().eval()
    model.load_state_dict({name: of(name) for name in model.state_dict()})
    with torch.no_grad():
        for block in pretrained.speech()[: 64 * 512].split(512):
            assert float(model(block[None])) == pytest.approx(float(archive(block[None], 16000)))
