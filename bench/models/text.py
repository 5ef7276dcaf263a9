"""Language and speech: token ids or frames in, embeddings, logits or hidden states out."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bench.models.model import Field, Model, networks, zoo


def _minilm(length: int) -> tuple[nn.Module, tuple[Tensor, Tensor]]:
    from transformers import BertConfig, BertModel

    config = BertConfig(
        hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536
    )
    encoder = BertModel(config, add_pooling_layer=False).eval()
    ids = torch.randint(0, config.vocab_size, (1, length))
    return networks.Sentences(encoder).eval(), (ids, torch.ones_like(ids))


def minilm() -> Model:
    """A sentence encoder of fixed length."""
    return Model(*_minilm(128))


def minilm_dynamic() -> Model:
    """The same on a short sentence, built for any length up to 256."""
    axes = ("input_ids.1=sequence:1..256", "attention_mask.1=sequence:1..256")
    return Model(*_minilm(24), dynamic=axes)


def gpt2() -> Model:
    """Six layers of GPT-2 with the whole vocabulary."""
    from transformers import GPT2Config, GPT2LMHeadModel

    module = GPT2LMHeadModel(GPT2Config(n_layer=6, use_cache=False)).eval()
    return Model(Field(module, "logits").eval(), (torch.randint(0, 50257, (1, 64)),))


def whisper_encoder() -> Model:
    """Whisper's encoder, size tiny, on 30 seconds."""
    module = zoo.ZOO["whisper_tiny_encoder"]().module
    return Model(Field(module, "last_hidden_state").eval(), (torch.randn(1, 80, 3000),))


def speaker() -> Model:
    """Three LSTM layers over 160 frames."""
    return Model(networks.SpeakerEncoder().eval(), (torch.rand(1, 160, 40),))


class RMSNorm(nn.Module):
    """Zhang and Sennrich 2019."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.weight.shape, self.weight, 1e-5)


class LlamaBlock(nn.Module):
    """A block of Llama (Touvron et al. 2023) with grouped heads, for one new token.

    x (1, 1, width), rotation (2, 1, 1, 1, depth), keys and values (1, groups, past, depth)
    -> x, and keys and values with the new token's appended.
    """

    def __init__(self, width: int, heads: int, groups: int, inner: int) -> None:
        super().__init__()
        self.depth = width // heads
        kept = groups * self.depth
        self.norms = nn.ModuleList(RMSNorm(width) for _ in range(2))
        self.query, self.out = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.key, self.value = (nn.Linear(width, kept, bias=False) for _ in range(2))
        self.gate, self.up = (nn.Linear(width, inner, bias=False) for _ in range(2))
        self.down = nn.Linear(inner, width, bias=False)

    def forward(
        self, x: Tensor, rotation: Tensor, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        y = self.norms[0](x)
        query, key, value = (
            project(y).view(1, 1, -1, self.depth).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        keys = torch.cat([keys, _rotated(key, rotation)], 2)
        values = torch.cat([values, value], 2)
        seen = F.scaled_dot_product_attention(
            _rotated(query, rotation), keys, values, enable_gqa=True
        )
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        y = self.norms[1](x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y)), keys, values


def _rotated(x: Tensor, rotation: Tensor) -> Tensor:
    left, right = x.chunk(2, -1)
    return x * rotation[0] + torch.cat([-right, left], -1) * rotation[1]


class LlamaStep(nn.Module):
    """One decoding step through some layers of SmolLM-135M: the next token's hidden state."""

    def __init__(self, layers: int = 8, width: int = 576) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(LlamaBlock(width, 9, 3, 1536) for _ in range(layers))
        self.norm = RMSNorm(width)

    def forward(
        self, x: Tensor, rotation: Tensor, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        kept = []
        for layer, block in enumerate(self.blocks):
            x, *new = block(x, rotation, keys[layer], values[layer])
            kept.append(new)
        new_keys, new_values = (torch.stack(part) for part in zip(*kept, strict=True))
        return self.norm(x), new_keys, new_values


def llama_step() -> Model:
    """A batch and a sequence of one, 255 tokens in the cache."""
    angles = 255 / 10000 ** (torch.arange(0, 64, 2) / 64).repeat(2)
    rotation = torch.stack([angles.cos(), angles.sin()]).view(2, 1, 1, 1, 64)
    cache = (8, 1, 3, 255, 64)
    inputs = (torch.randn(1, 1, 576), rotation, torch.randn(cache), torch.randn(cache))
    return Model(LlamaStep().eval(), inputs)
