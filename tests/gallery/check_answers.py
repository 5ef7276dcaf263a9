"""What the pages say of pictures, sounds and texts, beside PyTorch on the same inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import voice_activity
from gallery.conftest import FOLDER, Open, hearing
from models import pretrained
from ocr import CHARACTERS, Reader
from PIL import Image
from playwright.sync_api import Browser, Locator, expect
from safetensors.torch import load_file
from support.sounds import sine, wav
from torch import Tensor
from torchvision.models import MobileNet_V2_Weights

SAMPLES = FOLDER / "samples"
RATE = 16000


def test_the_photo_is_classified_as_pytorch_does(opened: Open) -> None:
    weights = MobileNet_V2_Weights.IMAGENET1K_V1
    picture = Image.open(SAMPLES / "chelsea.png").convert("RGB")
    with torch.no_grad():
        scores = pretrained.mobilenet_v2().module(weights.transforms()(picture)[None])[0]
    shares, classes = scores.softmax(0).topk(5)
    with opened("photo") as tab:
        rows = tab.page.locator("#classes li")
        expect(rows).to_have_count(5)
        names = [weights.meta["categories"][index] for index in classes]
        assert rows.locator(".name").all_text_contents() == names
        shown = [float(text.rstrip(" %")) for text in rows.locator(".value").all_text_contents()]
        assert shown == pytest.approx((shares * 100).tolist(), abs=0.06)
        assert shown[0] > 70


def test_the_lines_of_a_page_are_read(opened: Open) -> None:
    with opened("text") as tab:
        expect(tab.page.locator("#status")).to_contain_text("lines of text")
        lines = tab.page.locator("#lines li").all_text_contents()
        assert "Region-based segmentation" in lines
        assert "background. These markers are pixels that we can label" in lines


def test_a_line_is_read_as_pytorch_reads_it(opened: Open, tmp_path: Path) -> None:
    """A picture of one line alone."""
    line = Image.open(SAMPLES / "page.png").crop((0, 60, 384, 86))
    text = "background. These markers are pixels that we can label"
    assert read(line) == text
    line.save(tmp_path / "line.png")
    with opened("text") as tab:
        expect(tab.page.locator("#status")).to_contain_text("lines of text")
        tab.page.locator("input[type=file]").first.set_input_files(tmp_path / "line.png")
        expect(tab.page.locator("#status")).to_have_text("1 line of text.")
        assert tab.page.locator("#lines li").all_text_contents() == [text]


def read(line: Image.Image) -> str:
    """CTC's greedy decoding of what PyTorch makes of a picture of one line."""
    reader = Reader().eval()
    weights = torch.load(
        pretrained.package("easyocr_en_models") / "models/english_g2.pth",
        map_location="cpu",
        weights_only=True,
    )
    reader.load_state_dict({name.removeprefix("module."): w for name, w in weights.items()})
    width = round(line.width * 64 / line.height)
    dots = np.asarray(line.resize((width, 64), Image.Resampling.BICUBIC), dtype=np.float32)
    with torch.no_grad():
        best = reader(torch.from_numpy(dots / 127.5 - 1)[None, None])[0].argmax(1).tolist()
    letters = ("", *CHARACTERS)
    pairs = zip(best, [0, *best], strict=False)
    return "".join(letters[index] for index, before in pairs if index != before)


def test_a_tone_has_the_pitch_that_pytorch_hears(opened: Open) -> None:
    with opened("pitch") as tab:
        expect(tab.page.locator("#status")).to_contain_text("In the median")  # the voice's
        tab.page.get_by_role("button", name="440 Hz").click()
        expect(tab.page.locator("#note")).to_have_text("A4")
        expect(tab.page.locator("#status")).to_contain_text("In the median 44")
        assert hertz(tab.page.locator("#status")) == pytest.approx(pitch(440), abs=0.1)
        file = {"name": "a.wav", "mimeType": "audio/wav", "buffer": wav(sine(220, 1, 44100), 44100)}
        tab.page.locator("input[type=file]").set_input_files(file)
        expect(tab.page.locator("#note")).to_have_text("A3")
        expect(tab.page.locator("#status")).to_contain_text("In the median 22")
        assert hertz(tab.page.locator("#status")) == pytest.approx(pitch(220), abs=0.5)
        assert tab.errors == []


def hertz(status: Locator) -> float:
    return float((status.text_content() or "").removeprefix("In the median ").split()[0])


def pitch(tone: float) -> float:
    """The median over frames of the mean of the bins around the best."""
    sound = torch.from_numpy(sine(tone, 1, RATE)).float()
    with torch.no_grad():
        bins = pretrained.crepe().module(pretrained.normalised(sound.unfold(0, 1024, 320)))
    found = []
    for frame in bins:
        best = int(frame.argmax())
        near = frame[max(0, best - 4) : best + 5]
        cents = 1997.379 + 20 * torch.arange(max(0, best - 4), max(0, best - 4) + len(near))
        found.append(10 * 2 ** (float((near * cents).sum() / near.sum()) / 1200))
    return float(np.median(found))


def test_sentences_are_as_alike_as_pytorch_says(opened: Open) -> None:
    first, second, third = pretrained.SENTENCES
    model = pretrained.minilm().module
    with torch.no_grad():
        own, *others = (model(**pretrained.tokens(text))[0] for text in (first, second, third))
    with opened("sentences") as tab:
        tab.page.locator("#sentence").fill(first)
        tab.page.locator("#others").fill(f"{third}\n\n{second}")
        rows = tab.page.locator("#similar li")
        expect(rows).to_have_count(2)
        expect(rows.locator(".name")).to_have_text([second, third])
        expect(rows.locator(".value")).to_have_text([f"{float(own @ one):.3f}" for one in others])


def test_speech_begins_and_ends_where_pytorch_hears_it(opened: Open) -> None:
    samples = pretrained.speech()
    blocks = samples[: len(samples) // 512 * 512].split(512)
    with torch.no_grad():
        model = vad(load_file(pretrained.package("silero_vad") / "data/silero_vad_16k.safetensors"))
        speech = [float(model(block[None])) > 0.5 for block in blocks]
    edges = np.flatnonzero(np.diff([False, *speech, False])).reshape(-1, 2) * 512 / RATE
    expected = [f"{begin:.2f} s to {end:.2f} s" for begin, end in edges]
    with opened("voice") as tab:
        for again in (False, True):  # then from the same state
            if again:
                tab.page.evaluate("document.getElementById('status').textContent = ''")
                tab.page.get_by_role("button", name="A voice").click()
            expect(tab.page.locator("#status")).to_contain_text(f"{len(expected)} times")
            assert tab.page.locator("#spans li").all_text_contents() == expected


def vad(weights: dict[str, Tensor]) -> voice_activity.SileroVad:
    model = voice_activity.SileroVad()
    model.load_state_dict(weights)
    return model.eval()


def test_the_microphone_is_heard(browser: Browser, opened: Open, tmp_path: Path) -> None:
    tone = tmp_path / "tone.wav"
    tone.write_bytes(wav(sine(330, 5, 48000), 48000))
    with hearing(browser, tone) as own, opened("pitch", own=own) as tab:
        expect(tab.page.locator("#status")).to_contain_text("In the median")
        button = tab.page.get_by_role("button", name="Microphone")
        button.click()
        expect(tab.page.locator("#note")).to_have_text("E4")
        expect(button).to_have_attribute("aria-pressed", "true")
        button.click()
        expect(button).to_have_attribute("aria-pressed", "false")
        expect(tab.page.locator("#status")).to_have_text("The microphone is off.")
        assert tab.page.evaluate("shifts") == []
        assert tab.errors == []


def test_speech_is_heard_in_the_microphone(browser: Browser, opened: Open) -> None:
    with hearing(browser, SAMPLES / "beckett.wav") as own, opened("voice", own=own) as tab:
        expect(tab.page.locator("#status")).to_contain_text("times in")
        tab.page.get_by_role("button", name="Microphone").click()
        expect(tab.page.locator("#status")).to_have_text("Somebody speaks.")
        expect(tab.page.locator("#spans li")).not_to_have_count(0)
        assert tab.errors == []


def test_a_page_that_may_not_listen_says_so(opened: Open) -> None:
    with opened("voice") as tab:
        button = tab.page.get_by_role("button", name="Microphone")
        button.click()
        expect(tab.page.get_by_role("alert")).not_to_be_empty()
        expect(button).to_have_attribute("aria-pressed", "false")
