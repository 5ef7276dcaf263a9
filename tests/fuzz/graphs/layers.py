"""Layers with weights or state, windows and attention, as random programs have them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fuzz.graphs.draw import Draw, Drawn, Operator


class Tally(nn.Module):
    """State that a run changes."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(size))

    def forward(self, x: Tensor) -> Tensor:
        self.total.mul_(0.5).add_(x.mean(tuple(range(x.dim() - 1))))
        return x + self.total


class Counter(nn.Module):
    """A number of runs, and a ring of what they were given."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("runs", torch.zeros((), dtype=torch.int64))
        self.register_buffer("ring", torch.zeros(3, size))

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(tuple(range(x.dim() - 1)))
        self.ring.index_copy_(0, (self.runs % 3).reshape(1), mean.unsqueeze(0))
        self.runs += 1
        return x * self.ring.sum(0)


def _conv(d: Draw) -> Drawn:
    rank = d.one([3, 4, 4, 4, 4, 5])
    x = d.pick("float32", rank=rank)
    channels = x.shape[1]
    groups = d.one([1, 1, channels, 2 if channels % 2 == 0 else 1])
    kernel = d.one([1, 3, 3, 5, 2])
    return d.module(
        f"Conv{rank - 2}d",
        in_channels=channels,
        out_channels=groups * d.one([1, 2, 4, 8] if groups < channels else [1, 1, 2]),
        kernel_size=kernel,
        stride=d.one([1, 1, 2]),
        padding=d.one([0, kernel // 2, 1]),
        dilation=d.one([1, 1, 2]),
        groups=groups,
        bias=d.coin(),
        padding_mode=d.one(["zeros"] * 5 + ["reflect", "circular"]),
    )


def _conv_transpose(d: Draw) -> Drawn:
    x = d.pick("float32", rank=d.one([3, 4, 4]))
    stride = d.one([1, 2])
    return d.module(
        f"ConvTranspose{x.dim() - 2}d",
        in_channels=x.shape[1],
        out_channels=d.one([1, 2, 3, 8]),
        kernel_size=d.one([2, 3]),
        stride=stride,
        padding=d.one([0, 1]),
        output_padding=d.one([0, stride - 1]),
    )


def _linear(d: Draw) -> Drawn:
    x = d.pick("float32", least=1)
    width = d.one([1, 3, 4, 8, 17, 32])
    return d.module("Linear", in_features=x.shape[-1], out_features=width, bias=d.coin())


def _batch_norm(d: Draw) -> Drawn:
    x = d.pick("float32", rank=d.one([2, 3, 4, 4, 4]))
    return d.module(f"BatchNorm{max(1, x.dim() - 2)}d", num_features=x.shape[1], affine=d.coin())


def _norm(d: Draw) -> Drawn:
    x = d.pick("float32", least=2)
    if d.coin() and x.dim() > 2:
        groups = d.one([1, x.shape[1], 2 if x.shape[1] % 2 == 0 else 1])
        return d.module("GroupNorm", num_groups=groups, num_channels=x.shape[1])
    shape = x.shape[-d.one([1, 1, 2]) :]
    return d.module(d.one(["LayerNorm", "LayerNorm", "RMSNorm"]), normalized_shape=list(shape))


def _pool(d: Draw) -> Drawn:
    x = d.pick("float32", rank=d.one([3, 4, 4, 4]))
    kind = d.one(["Max", "Avg"])
    more = {"ceil_mode": d.coin()} if d.coin() else {}
    if kind == "Avg" and d.coin():
        more["count_include_pad"] = False
    kernel = d.one([2, 3])
    options = {"stride": d.one([1, 2]), "padding": d.one([0, 1]), **more}
    return d.module(f"{kind}Pool{x.dim() - 2}d", kernel_size=kernel, **options)


def _adaptive(d: Draw) -> Drawn:
    x = d.pick("float32", rank=d.one([3, 4]))
    name = f"Adaptive{d.one(['Avg', 'Avg', 'Max'])}Pool{x.dim() - 2}d"
    return d.module(name, output_size=d.one([1, 2, 3]))


def _recurrent(d: Draw) -> Drawn:
    x = d.pick("float32", rank=3)
    return d.module(
        d.one(["LSTM", "GRU", "RNN"]),
        input_size=x.shape[2],
        hidden_size=d.one([3, 8]),
        num_layers=d.one([1, 1, 2]),
        batch_first=d.coin(),
        bidirectional=d.one([False, False, True]),
        bias=d.one([True, True, False]),
    )


def _recur(module: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    out, state = module(x)
    return (out, *state) if isinstance(state, tuple) else (out, state)


def _embedding(d: Draw) -> Drawn:
    d.pick("int64")
    rows = d.one([7, 16])
    return d.module("Embedding", num_embeddings=rows, embedding_dim=d.one([3, 4, 8]))


def _attention(d: Draw) -> Drawn:
    x = d.pick("float32", rank=d.one([3, 4]))
    d.alike(x)
    d.alike(x)
    return {"causal": d.coin(), "written": d.coin(), "mask": d.coin()}


def _attend(q: Tensor, k: Tensor, v: Tensor, causal: bool, written: bool, mask: bool) -> Tensor:
    if written:
        scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        if mask:
            scores = scores.masked_fill(scores.tril() > 1, -1e9)
        return scores.softmax(-1) @ v
    bias = (q @ k.transpose(-1, -2)).sin() if mask and not causal else None
    return F.scaled_dot_product_attention(q, k, v, bias, is_causal=causal)


def _heads(d: Draw) -> Drawn:
    x = d.pick("float32", rank=3)
    width = x.shape[2]
    heads = d.one([h for h in (1, 2, 4) if width % h == 0])
    return d.module("MultiheadAttention", embed_dim=width, num_heads=heads, batch_first=d.coin())


def _resize(d: Draw) -> Drawn:
    x = d.pick("float32", rank=d.one([3, 4, 4]))
    modes = ["nearest", "linear"] if x.dim() == 3 else ["nearest", "bilinear", "bicubic", "area"]
    mode = d.one(modes)
    corners = {} if mode in ("nearest", "area") else {"align_corners": d.coin()}
    how = {"scale_factor": d.one([2, 2.0, 1.5])} if d.coin() else {"size": d.one([4, 7])}
    return {"mode": mode, **corners, **how}


def _stateful(d: Draw) -> Drawn:
    x = d.pick("float32", least=2)
    return d.module(d.one(["Tally", "Counter"]), size=x.shape[-1])


def _part(module: nn.Module, *on: Tensor) -> Any:
    return module(*on)


OPERATORS: dict[str, Operator] = {
    "conv": Operator(_conv, _part),
    "conv_transpose": Operator(_conv_transpose, _part),
    "linear": Operator(_linear, _part),
    "batch_norm": Operator(_batch_norm, _part),
    "norm": Operator(_norm, _part),
    "pool": Operator(_pool, _part),
    "adaptive_pool": Operator(_adaptive, _part),
    "recurrent": Operator(_recurrent, _recur),
    "embedding": Operator(_embedding, lambda m, x: m(x.remainder(m.num_embeddings))),
    "attention": Operator(_attention, _attend),
    "heads": Operator(_heads, lambda m, x: m(x, x, x, need_weights=False)[0]),
    "resize": Operator(_resize, F.interpolate),
    "stateful": Operator(_stateful, _part),
}
