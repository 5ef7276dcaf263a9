"""Sounds become what torchaudio makes of them: a recording at several rates, in Node."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models.pretrained import speech
from support.conversion import Job, convert, samples
from torch import Tensor

from wasm_torch_web.preprocess.audio import entry


def port(shape: list[Any], **settings: Any) -> dict[str, Any]:
    plain = {"name": "x", "kind": "tensor", "dtype": "float32", "shape": shape}
    return {**plain, "preprocess": entry(plain, settings)}


def one(folder: Path, given: dict[str, Any], value: dict[str, Any]) -> Tensor:
    (found,) = convert(folder, "sounds", [Job(given, [value])])
    return found


def voice(count: int = 16000) -> Tensor:
    return speech()[16000 : 16000 + count]


def resampled(sound: Tensor, old: int, new: int) -> Tensor:
    """The definition behind torchaudio.functional.resample's defaults, as one matrix in float64: a
    sinc of 6 zeros on each side under a Hann window, cut off at 0.99 of the lower Nyquist."""
    divisor = math.gcd(old, new)
    old, new = old // divisor, new // divisor
    cutoff = 0.99 * min(old, new)
    places = torch.arange(math.ceil(len(sound) * new / old), dtype=torch.float64) / new
    inputs = torch.arange(len(sound), dtype=torch.float64) / old
    time = ((inputs - places[:, None]) * cutoff).clamp(-6, 6)
    weights = torch.sinc(time) * torch.cos(time * torch.pi / 12) ** 2 * cutoff / old
    return (weights @ sound.double()).float()


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 16001])
def test_every_rate(tmp_path: Path, rate: int) -> None:
    sound = voice(3000)
    found = one(tmp_path, port([1, "length"], rate=16000), samples(sound.numpy(), rate))
    expected = sound if rate == 16000 else resampled(sound, rate, 16000)
    assert found.shape == (1, len(expected))
    assert (found[0] - expected).abs().max() < 1e-5


def test_a_tone_stays_what_it_was(tmp_path: Path) -> None:
    """Against the truth rather than a formula: 440 Hz at 44.1 kHz is 440 Hz at 16 kHz."""
    tone = np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)
    found = one(tmp_path, port(["length"], rate=16000), samples(tone, 44100))
    expected = torch.sin(2 * torch.pi * 440 * torch.arange(16000) / 16000)
    assert found.shape == (16000,)
    assert (found - expected)[100:-100].abs().max() < 2e-3


def test_channels_are_mixed(tmp_path: Path) -> None:
    stereo = torch.stack([voice(500), voice(900)[400:]], 1)
    found = one(tmp_path, port(["n"], rate=16000), samples(stereo.numpy(), 16000, 2))
    assert (found - stereo.mean(1)).abs().max() < 1e-7


@pytest.mark.parametrize("length", [100, 1000, 1300])
def test_a_fixed_length_is_cut_or_silent_at_the_end(tmp_path: Path, length: int) -> None:
    sound = voice(1000)
    found = one(tmp_path, port([1, 1, length], rate=16000), samples(sound.numpy(), 16000))
    expected = torch.zeros(1, 1, length)
    expected[0, 0, : min(length, 1000)] = sound[:length]
    assert torch.equal(found, expected)


def test_windows(tmp_path: Path) -> None:
    sound = voice(5000)
    given = port(["frames", 1024], rate=16000, window=1024, hop=160)
    assert torch.equal(
        one(tmp_path, given, samples(sound.numpy(), 16000)), sound.unfold(0, 1024, 160)
    )
    short = one(tmp_path, given, samples(sound[:10].numpy(), 16000))
    assert torch.equal(short, torch.cat([sound[:10], torch.zeros(1014)])[None])
    fixed = port([1, 3, 400], rate=16000, length=1200, window=400)
    found = one(tmp_path, fixed, samples(sound.numpy(), 16000))
    assert torch.equal(found, sound[:1200].view(1, 3, 400))


def test_normalised_as_by_hugging_face(tmp_path: Path) -> None:
    from transformers import Wav2Vec2FeatureExtractor

    from wasm_torch_web.preprocess import offered

    extractor = Wav2Vec2FeatureExtractor(do_normalize=True)
    kind, settings = offered.settings(extractor.to_dict())
    assert kind == "audio"
    sound = voice(4000)
    expected = extractor(sound.numpy(), sampling_rate=16000, return_tensors="np")["input_values"]
    found = one(tmp_path, port([1, "length"], **settings), samples(sound.numpy(), 16000))
    assert (found - torch.as_tensor(expected)).abs().max() < 1e-5
