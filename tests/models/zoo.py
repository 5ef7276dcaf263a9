"""Architectures that users deploy, with random weights: name -> module, example inputs, axes.

Batch norms get the statistics of a random batch first: with PyTorch's initial ones a deep
network's output shrinks to nothing, and comparing nothing proves nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn


@dataclass
class Model:
    """A module in eval mode, its example inputs, and the axes that are dynamic."""

    module: nn.Module
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    dynamic: tuple[str, ...] = ()


def warmed(module: nn.Module, *args: Any, **kwargs: Any) -> nn.Module:
    """The module in eval mode with, in its batch norms, the statistics of one call."""
    norms = [m for m in module.eval().modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return module
    for norm in norms:
        norm.momentum = None
        norm.reset_running_stats()
        norm.train()
    try:
        with torch.no_grad():
            module(*args, **kwargs)
    except Exception:
        for norm in norms:
            norm.reset_running_stats()
        raise
    finally:
        module.eval()
    return module


def _torchvision(name: str, size: int = 224, dynamic: tuple[str, ...] = ()) -> Model:
    import torchvision

    module = getattr(torchvision.models, name)(weights=None)
    example = torch.randn(1, 3, size, size)
    return Model(warmed(module, torch.randn(4, 3, 96, 96)), (example,), dynamic=dynamic)


def _deeplab() -> Model:
    from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

    module = deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None)
    return Model(warmed(module, torch.randn(4, 3, 128, 128)), (torch.randn(1, 3, 192, 192),))


def _vit_tiny() -> Model:
    import timm

    return Model(timm.create_model("vit_tiny_patch16_224").eval(), (torch.randn(1, 3, 224, 224),))


def _gpt2() -> Model:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(n_layer=6, use_cache=False, vocab_size=5003)
    ids = torch.randint(0, 5003, (1, 64))
    return Model(GPT2LMHeadModel(config).eval(), (), {"input_ids": ids})


def _whisper_tiny_encoder() -> Model:
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    config = WhisperConfig(
        d_model=384, encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536
    )
    return Model(WhisperEncoder(config).eval(), (torch.randn(1, 80, 3000),))


class Tagger(nn.Module):
    """A bidirectional LSTM over sequences of any length, with its last state."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(12, 20, 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(40, 5)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        y, (hidden, _) = self.lstm(x)
        return {"tags": self.head(y), "hidden": hidden}


def _lstm() -> Model:
    dynamic = ("x.0=batch:1..8", "x.1=time:1..200")
    return Model(Tagger().eval(), (torch.randn(3, 7, 12),), dynamic=dynamic)


class Decoder(nn.Module):
    """One attention block whose cache of keys and values is a mutated buffer."""

    def __init__(self, steps: int = 16, width: int = 32, heads: int = 2) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, 50)
        self.heads, self.steps = heads, steps
        self.register_buffer("keys", torch.zeros(1, heads, steps, width // heads))
        self.register_buffer("values", torch.zeros(1, heads, steps, width // heads))

    def forward(self, token: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        x = self.embed(token)
        q, k, v = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.qkv(x).chunk(3, -1)
        )
        self.keys.index_copy_(2, position, k)
        self.values.index_copy_(2, position, v)
        seen = torch.arange(self.steps) <= position
        y = nn.functional.scaled_dot_product_attention(q, self.keys, self.values, seen[None, :])
        return self.out(y.transpose(1, 2).flatten(2))


def _decoder() -> Model:
    return Model(Decoder().eval(), (torch.tensor([[3]]), torch.tensor([2])))


ZOO: dict[str, Callable[[], Model]] = {
    "resnet18": lambda: _torchvision("resnet18", dynamic=("x.0=batch:1..4",)),
    "resnet50": lambda: _torchvision("resnet50"),
    "mobilenet_v2": lambda: _torchvision("mobilenet_v2"),
    "mobilenet_v3_small": lambda: _torchvision("mobilenet_v3_small"),
    "efficientnet_b0": lambda: _torchvision("efficientnet_b0"),
    "convnext_tiny": lambda: _torchvision("convnext_tiny"),
    "vit_tiny": _vit_tiny,
    "gpt2_6l": _gpt2,
    "whisper_tiny_encoder": _whisper_tiny_encoder,
    "deeplabv3_mobilenet_v3": _deeplab,
    "lstm": _lstm,
    "decoder": _decoder,
}


def make(name: str) -> Model:
    """The model of that name, the same in every process."""
    torch.manual_seed(0)
    return ZOO[name]()
