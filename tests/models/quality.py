"""Pretrained models with many real inputs, and what a person would notice of changed weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from models import pretrained
from models.zoo import Model
from ocr import CHARACTERS, Reader
from torch import Tensor, nn

PHOTOS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)
TEXTS = (
    *pretrained.SENTENCES,
    "A woman is playing the violin.",
    "Someone plays a string instrument on stage.",
    "The cat sleeps on the warm windowsill all afternoon.",
    "Heavy rain is expected in the north of the country until Thursday evening.",
    "How do I reset the password of my account?",
    "I cannot log in any more, what should I do?",
    "The recipe asks for two eggs, a cup of flour and a pinch of salt.",
    "Quantum computers use superposition and entanglement to solve certain problems faster.",
    "The train to Vienna leaves from platform seven at half past nine.",
    "Our quarterly revenue grew by twelve per cent, while costs stayed flat.",
    "She opened the old wooden box and found a letter that nobody had ever read.",
    "def add(a, b): return a + b",
    "Ja, das ist ein deutscher Satz.",
)
LINES = (  # left, top, right, bottom of lines in scikit-image's page.png
    (0, 5, 300, 36),
    (0, 46, 384, 68),
    (0, 60, 384, 86),
    (0, 80, 384, 104),
    (0, 96, 384, 122),
    (0, 112, 180, 140),
)
FRAMES = 50  # of a voice, a run


@dataclass(frozen=True)
class Task:
    """A model on real inputs, a dict for each run.

    `judge` says of outputs, float32's and others of the same runs, what a person would notice: in
    words, and as a number from 0 (all is different) to 1.
    """

    model: Callable[[], Model]
    inputs: Callable[[], list[dict[str, Tensor]]]
    judge: Callable[[Sequence[Tensor], Sequence[Tensor]], tuple[str, float]]


def photos() -> list[dict[str, Tensor]]:
    """Four crops of each photograph, prepared as torchvision's weights ask for."""
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    found = []
    for name in PHOTOS:
        image = pretrained.photograph(name)
        scale = 256 / min(image.shape[1:])
        size = [round(n * scale) for n in image.shape[1:]]
        image = nn.functional.interpolate(image[None], size, mode="bilinear", antialias=True)
        image = (image - mean[:, None, None]) / std[:, None, None]
        down, right = (n - 224 for n in size)
        for top, left in ((0, 0), (down // 2, right // 2), (down, right), (down, 0)):
            found.append({"x": image[..., top : top + 224, left : left + 224].contiguous()})
    return found


def same_class(expected: Sequence[Tensor], given: Sequence[Tensor]) -> tuple[str, float]:
    """Of how many pictures the largest class is the same."""
    pairs = zip(expected, given, strict=True)
    same = sum(int(a.argmax()) == int(b.argmax()) for a, b in pairs)
    return f"the same class for {same} of {len(given)} pictures", same / len(given)


def cosine(expected: Sequence[Tensor], given: Sequence[Tensor]) -> tuple[str, float]:
    """The least cosine between a sentence's vectors."""
    pairs = zip(expected, given, strict=True)
    least = min(float(torch.cosine_similarity(a.double(), b.double()).min()) for a, b in pairs)
    return f"1 - cosine with float32 at most {max(0.0, 1 - least):.0e}", max(0.0, least)


def reader() -> Model:
    """Lines of text of any length up to 1200."""
    module = Reader().eval()
    weights = torch.load(
        pretrained.package("easyocr_en_models") / "models/english_g2.pth",
        map_location="cpu",
        weights_only=True,
    )
    module.load_state_dict({name.removeprefix("module."): w for name, w in weights.items()})
    return Model(module, (torch.zeros(1, 1, 64, 320),), dynamic=("x.3=width:32..1200",))


def lines() -> list[dict[str, Tensor]]:
    """Of a photographed page."""
    from PIL import Image

    page = Image.open(pretrained.package("skimage") / "data" / "page.png")
    found = []
    for box in LINES:
        line = page.crop(box)
        width = round(line.width * 64 / line.height)
        dots = np.asarray(line.resize((width, 64), Image.Resampling.BICUBIC), dtype=np.float32)
        found.append({"x": torch.from_numpy(dots / 127.5 - 1)[None, None]})
    return found


def text(shares: Tensor) -> str:
    """CTC's greedy decoding of (1, T, classes)."""
    best, letters = shares[0].argmax(1).tolist(), ("", *CHARACTERS)
    pairs = zip(best, [0, *best], strict=False)
    return "".join(letters[index] for index, before in pairs if index != before)


def same_text(expected: Sequence[Tensor], given: Sequence[Tensor]) -> tuple[str, float]:
    """How many lines read the same."""
    same = sum(text(a) == text(b) for a, b in zip(expected, given, strict=True))
    return f"the same text in {same} of {len(given)} lines", same / len(given)


def voice() -> list[dict[str, Tensor]]:
    """Frames of ten seconds of speech, every 20 ms."""
    frames = pretrained.normalised(pretrained.speech().unfold(0, 1024, 320))
    return [{"x": part} for part in frames.split(FRAMES) if len(part) == FRAMES]


def same_pitch(expected: Sequence[Tensor], given: Sequence[Tensor]) -> tuple[str, float]:
    """Of frames in which float32 is sure of a pitch, how many keep it to a quarter of a tone."""
    a, b = torch.cat(list(expected)), torch.cat(list(given))
    sure = a.amax(1) > 0.5
    cents = (_cents(a[sure]) - _cents(b[sure])).abs()
    share = float((cents <= 50).double().mean())
    median = float(cents.median())
    return f"pitch within 50 cents in {share:.1%} of voiced frames, median {median:.1f}", share


def _cents(bins: Tensor) -> Tensor:
    """The mean of the bins around the best, over 10 Hz."""
    best = bins.argmax(1, keepdim=True)
    near = (best + torch.arange(-4, 5)).clamp(0, bins.shape[1] - 1)
    weights = bins.gather(1, near)
    return (weights * (1997.379 + 20 * near)).sum(1) / weights.sum(1)


TASKS = {
    "mobilenet_v2": Task(pretrained.mobilenet_v2, photos, same_class),
    "minilm": Task(
        pretrained.minilm, lambda: [pretrained.tokens(sentence) for sentence in TEXTS], cosine
    ),
    "ocr": Task(reader, lines, same_text),
    "crepe": Task(pretrained.crepe, voice, same_pitch),
}
