"""Fusion patterns: the rows that remain of a module, which must equal PyTorch on native."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from compiler.test_capture import Module
from compiler.test_passes import compiled
from torch import Tensor, nn
from torch.nn import functional as F

X = torch.randn(2, 9, 12, generator=torch.Generator().manual_seed(1))
IMAGE = torch.randn(2, 4, 9, 7, generator=torch.Generator().manual_seed(2))
NO_MORE = frozenset({"copy"})  # into a layout and out of it


def rows(function: Callable[..., Tensor], *parts: nn.Module, x: Tensor = X) -> dict[str, int]:
    _, counted = compiled(Module(function, *parts).eval(), (x,))
    return {name: count for name, count in counted.items() if name not in NO_MORE}


def parameter(*shape: int, seed: int = 3) -> nn.Module:
    """A module that holds one tensor, `p`."""
    holder = nn.Module()
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
    holder.register_buffer("p", values + 1.5)
    return holder


SPELLINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu_tanh": lambda x: (
        0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3))))
    ),
    "gelu_tanh, factored": lambda x: (
        x * 0.5 * (torch.tanh(x * 0.7978845608 * (1 + 0.044715 * x * x)) + 1)
    ),
    "gelu": lambda x: x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0))),
    "silu": lambda x: x * torch.sigmoid(x),
    "silu, divided": lambda x: x / (1 + torch.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "hardswish": lambda x: x * F.relu6(x + 3) / 6,
    "hardsigmoid": lambda x: torch.clamp(x + 3, 0, 6) / 6,
    "relu6": lambda x: torch.clamp(x, 0, 6),
    "mish": lambda x: x * torch.tanh(F.softplus(x)),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_activation_written_out(spelling: str) -> None:
    assert rows(SPELLINGS[spelling]) == {spelling.partition(",")[0]: 1}


@pytest.mark.parametrize("spelling", [name for name in SPELLINGS if name != "mish"])
def test_activation_written_out_is_fused(spelling: str) -> None:
    assert rows(lambda linear, x: SPELLINGS[spelling](linear(x)), nn.Linear(12, 5)) == {"linear": 1}


def test_other_functions_are_no_activations() -> None:
    for function in (
        lambda x: x * torch.sigmoid(1.702 * x),
        lambda x: 0.5 * x * (1 + torch.tanh(0.79 * (x + 0.044715 * x * x * x))),
        lambda x: x * torch.sigmoid(x.flip(1)),
        lambda x: torch.clamp(x, min=1e-12),
        lambda x: torch.clamp(x, min=1e-30),
    ):
        assert not set(rows(function)) & {"silu", "gelu", "gelu_tanh", "relu"}


def test_scale_of_channels_goes_into_weights() -> None:
    linear, gamma = nn.Linear(12, 12), parameter(12)
    assert rows(lambda f, g, x: x + g.p * f(x), linear, gamma) == {"linear": 1}
    assert rows(lambda f, x: f(x) * 0.125 - 2, linear) == {"linear": 1}
    assert rows(lambda f, x: 3 - f(x) / 7, nn.Linear(12, 5, bias=False)) == {"linear": 1}
    conv, per_channel = nn.Conv2d(4, 6, 3), parameter(6, 1, 1)
    assert rows(lambda f, g, x: f(x) * g.p + 1, conv, per_channel, x=IMAGE) == {"conv2d": 1}
    rowwise = parameter(4)  # broadcasts along the width, which is no channel
    assert rows(lambda f, g, x: f(x) * g.p, nn.Conv2d(4, 4, 1), rowwise, x=IMAGE[..., :4]) == {
        "conv2d": 1,
        "mul": 1,
    }


def test_weights_that_others_read_are_not_scaled() -> None:
    def tied(linear: nn.Linear, x: Tensor) -> Tensor:
        return linear(x) * 2 + linear(x.flip(0))

    found = rows(tied, nn.Linear(12, 5))
    assert found["linear"] == 2 and found["mul"] == 1


def test_views_between_do_not_matter() -> None:
    """A block of ConvNeXt with its scale, a 1-D convolution, GPT-2's products of flat rows."""

    def block(f: nn.Module, g: nn.Module, x: Tensor) -> Tensor:
        return x + g.p * f(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    assert rows(block, nn.Linear(4, 4), parameter(4, 1, 1), x=IMAGE) == {"linear": 1}
    found = rows(lambda f, x: F.gelu(f(x)) * 2, nn.Conv1d(9, 6, 3))
    assert found == {"conv2d": 1, "mul": 1}

    def flat(f: nn.Module, x: Tensor) -> Tensor:
        return torch.relu(f(x.view(-1, 12)).view(x.shape) + x)

    assert rows(flat, nn.Linear(12, 12)) == {"linear": 1}


def test_a_mask_seen_through_a_view_stays_boolean() -> None:
    def masked(x: Tensor) -> Tensor:
        scores = torch.bmm(x, x.mT).view(1, 2, 9, 9)
        return scores.masked_fill(x[:1, None, :, :9] < 0, -3.0)

    assert rows(masked) == {"matmul": 1, "lt": 1, "where": 1}


def test_rms_norm_written_out() -> None:
    def norm(g: nn.Module, x: Tensor) -> Tensor:
        return g.p * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5))

    assert rows(norm, parameter(12)) == {"rms_norm": 1}
    assert rows(lambda x: x / (x * x).mean(-1, keepdim=True).add(1e-3).sqrt()) == {"rms_norm": 1}


def test_layer_norm_written_out() -> None:
    def norm(g: nn.Module, b: nn.Module, x: Tensor) -> Tensor:
        u = x.mean(-1, keepdim=True)
        return (x - u) / torch.sqrt((x - u).pow(2).mean(-1, keepdim=True) + 1e-6) * g.p + b.p

    def of_variance(g: nn.Module, b: nn.Module, x: Tensor) -> Tensor:
        u, v = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
        return (x - u) * torch.rsqrt(v + 1e-6) * g.p + b.p

    def of_channels(g: nn.Module, b: nn.Module, x: Tensor) -> Tensor:
        u = x.mean(1, keepdim=True)
        y = (x - u) / torch.sqrt((x - u).pow(2).mean(1, keepdim=True) + 1e-6)
        return g.p[:, None, None] * y + b.p[:, None, None]

    weights = parameter(12), parameter(12, seed=4)
    assert rows(norm, *weights) == {"layer_norm": 1}
    assert rows(of_variance, *weights) == {"layer_norm": 1}
    weights = parameter(4), parameter(4, seed=4)
    assert rows(of_channels, *weights, x=IMAGE) == {"layer_norm": 1}


def test_means_of_something_else_are_no_norm() -> None:
    def norm(x: Tensor) -> Tensor:
        return x * torch.rsqrt((x + 1).pow(2).mean(-1, keepdim=True) + 1e-5)

    assert "rms_norm" not in rows(norm)


HEADS = torch.randn(2, 9, 3 * 16, generator=torch.Generator().manual_seed(5))


def heads(x: Tensor) -> list[Tensor]:
    """Queries, keys and values (B, H, T, D)."""
    return [y.unflatten(-1, (2, 8)).transpose(1, 2) for y in x.chunk(3, -1)]


ATTENTION = "scaled_dot_product_attention"


def test_attention_written_out() -> None:
    bias = parameter(1, 2, 9, 9)

    def plain(x: Tensor) -> Tensor:
        q, k, v = heads(x)
        return (q @ k.transpose(-2, -1) / math.sqrt(8)).softmax(-1) @ v

    def biased(b: nn.Module, x: Tensor) -> Tensor:
        q, k, v = heads(x)
        return ((q * 0.3) @ k.mT + b.p).softmax(-1) @ v

    def of_matrices(x: Tensor) -> Tensor:
        q, k, v = (y.flatten(0, 1) for y in heads(x))
        scores = torch.bmm(q, k.mT).view(2, 2, 9, 9) + torch.ones(9, 9).triu(1) * -3
        return torch.bmm(scores.view(4, 9, 9).softmax(-1), v)

    def filled(x: Tensor) -> Tensor:
        q, k, v = heads(x)
        seen = torch.ones(9, 9).tril()
        return (q @ k.mT * 0.3).masked_fill(seen == 0, -math.inf).softmax(-1) @ v

    def chosen(x: Tensor) -> Tensor:
        q, k, v = heads(x)
        return torch.where(x[:, None, :, 0] > -1, q @ k.mT, -1e9).softmax(-1) @ v

    assert rows(plain, x=HEADS) == {ATTENTION: 1}
    assert rows(filled, x=HEADS) == {ATTENTION: 1}
    assert rows(chosen, x=HEADS) == {ATTENTION: 1, "gt": 1}
    assert rows(biased, bias, x=HEADS) == {ATTENTION: 1}
    assert rows(of_matrices, x=HEADS) == {ATTENTION: 1}


@pytest.mark.parametrize("fill", [-math.inf, -1e9, torch.finfo().min, -50.0])
def test_query_that_sees_no_key(fill: float) -> None:
    """As in eager PyTorch: NaN where all scores are -inf, else weights of equal scores."""

    def filled(x: Tensor) -> Tensor:
        q, k, v = heads((x * 3).round())  # scores up to 100; -1e9 + 40 would be -1e9 + 64
        return (q @ k.mT).masked_fill(x[:, None, :, :9] < 2, fill).softmax(-1) @ v

    def kept(x: Tensor) -> Tensor:
        q, k, v = heads((x * 3).round())
        return torch.where(x[:, None, :, :9] > 2, q @ k.mT, fill).softmax(-1) @ v

    def added(x: Tensor) -> Tensor:
        q, k, v = heads((x * 3).round())
        mask = torch.where(x[:, None, :, :9] > 2, 0.0, fill)
        return (q @ k.mT + mask).softmax(-1) @ v

    for function in (filled, kept, added):
        assert rows(function, x=HEADS)[ATTENTION] == 1


def test_several_masks() -> None:
    """They are one sum where each is one; a number put in place of a score is not."""

    def twice(fill: float, x: Tensor) -> Tensor:
        q, k, v = heads(x)
        scores = (q @ k.mT).masked_fill(x[:, None, :, :9] < 0, fill) + x[:, None, :, 9:18]
        return scores.masked_fill(x[:, None, :, :9] > 2, -math.inf).softmax(-1) @ v

    assert rows(partial(twice, -math.inf), x=HEADS)[ATTENTION] == 1
    assert ATTENTION not in rows(partial(twice, -1e9), x=HEADS)


def test_attention_that_is_another_function() -> None:
    def returned(x: Tensor) -> Tensor:
        q, k, v = heads(x)
        weights = (q @ k.mT).softmax(-1)
        return torch.cat((weights, weights @ v), -1)

    def over_queries(x: Tensor) -> Tensor:
        q, k, v = heads(x)
        return (q @ k.mT).softmax(-2) @ v

    def scaled_mask(x: Tensor) -> Tensor:
        q, k, v = heads(x)
        return ((q @ k.mT + torch.arange(9.0)) * 0.5).softmax(-1) @ v

    for function in (returned, over_queries, scaled_mask):
        assert ATTENTION not in rows(function, x=HEADS)


def test_queries_keys_and_values_are_one_product() -> None:
    def attention(q: nn.Module, k: nn.Module, v: nn.Module, x: Tensor) -> Tensor:
        parts = (f(x).unflatten(-1, (-1, 4)).transpose(1, 2) for f in (q, k, v))
        return F.scaled_dot_product_attention(*parts, enable_gqa=True).transpose(1, 2)

    linears = nn.Linear(12, 16), nn.Linear(12, 8, bias=False), nn.Linear(12, 8)
    assert rows(attention, *linears) == {"linear": 1, ATTENTION: 1}


def test_linears_whose_results_must_be_dense_stay_apart() -> None:
    linears = nn.Linear(12, 5), nn.Linear(12, 5)
    found = rows(lambda f, g, x: f(x) + torch.softmax(g(x), -1), *linears)
    assert found["linear"] == 2


def test_constant_causal_mask() -> None:
    def masked(x: Tensor) -> Tensor:
        mask = torch.full((9, 9), -math.inf).triu(1)
        return F.scaled_dot_product_attention(*heads(x), mask)

    result, _ = compiled(Module(masked), (HEADS,))
    (node,) = (n for n in result.graph.nodes if n.row.name == ATTENTION)
    assert node.attributes["is_causal"] and node.inputs[3] is None


def test_repeated_heads_are_grouped() -> None:
    def grouped(x: Tensor) -> Tensor:
        q, k, v = heads(x)
        k, v = (y[:, :1, None].expand(2, 1, 2, 9, 8).reshape(2, 2, 9, 8) for y in (k, v))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2)

    result, counted = compiled(Module(grouped), (HEADS,))
    (node,) = (n for n in result.graph.nodes if n.row.name == ATTENTION)
    assert node.attributes["enable_gqa"] and "copy" not in counted


def test_joined_images_stay_channels_last() -> None:
    """A skip connection: no copy between the convolutions."""

    def skip(a: nn.Module, b: nn.Module, c: nn.Module, x: Tensor) -> Tensor:
        y = a(x)
        return c(torch.cat((y, b(y)), 1))

    parts = nn.Conv2d(4, 3, 1), nn.Conv2d(3, 5, 1), nn.Conv2d(8, 16, 3, padding=1)
    _, counted = compiled(Module(skip, *parts), (IMAGE,))
    assert counted["copy"] <= 2  # in and out


def test_padding_by_nothing_is_nothing() -> None:
    assert rows(lambda x: torch.relu(F.pad(x, (0, 0, 0, 0)))) == {"relu": 1}
    assert rows(lambda x: F.pad(x, (1, -1))) == {"constant_pad_nd": 1}


def test_the_scale_of_integers_is_no_scale_of_attention() -> None:
    """`q * c` is a float, `q` is not: attention takes the product."""

    def attention(q: Tensor, k: Tensor) -> Tensor:
        return torch.nn.functional.scaled_dot_product_attention(q * 0.5, k, k)

    q = torch.arange(24).reshape(1, 2, 3, 4)
    k = torch.randn(1, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    _, rows = compiled(Module(attention), (q, k))
    assert rows["mul"] == 1
