"""Packages with int8 weights in linear layers: every variant gives what the integers mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support.models import write_archive
from torch import Tensor, nn

import wasm_torch_web
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.ops.integers import packed, quantize_over, unpack
from wasm_torch_web.pipeline import BuildResult

KIND = "dynamic"
TEXT = torch.randint(0, 200, (3, 17), generator=torch.Generator().manual_seed(1))


class Encoder(nn.Module):
    """Embeddings, attention, an MLP, and a tied head."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(200, 96)
        self.layer = nn.TransformerEncoderLayer(96, 4, 300, 0.0, "gelu", batch_first=True)
        self.head = nn.Linear(96, 200, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids: Tensor) -> Tensor:
        logits: Tensor = self.head(self.layer(self.embedding(ids)))
        return logits


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("model") / "encoder.pt2", Encoder(), (TEXT,))


def test_every_variant_gives_what_the_integers_mean(
    result: BuildResult, archive: Path, check_variants: Callable[[BuildResult, Path], None]
) -> None:
    check_variants(result, archive)


def test_linear_layers_are_int8_and_the_rest_as_it_was(result: BuildResult) -> None:
    manifest = manifests.read(result.out)
    operators = [node["op"] for node in manifest["graph"]["nodes"]]
    assert operators.count("quantized_linear") == 5 and "linear" not in operators
    assert not any(weight.kept for weight in result.weights)
    assert {weight["dtype"] for weight in manifest["weights"]["tensors"]} >= {"int8", "float32"}
    [drift] = result.drift
    assert drift.relative is not None and 1e-3 < drift.relative < 0.05
    assert set(manifest["quantized"]["ways"]) == {"dynamic"}
    assert operators.count("quantized_embedding") == 1  # of the bytes that the tied head reads
    assert all(weight.stored < 0.28 * weight.bytes for weight in result.weights)


def test_skipped_layers_stay(archive: Path, tmp_path: Path, result: BuildResult) -> None:
    name = result.weights[0].name
    built = wasm_torch_web.build(
        archive, out=tmp_path / "p", quantize="dynamic", skip=[name], verify=False
    )
    operators = [node["op"] for node in manifests.read(built.out)["graph"]["nodes"]]
    assert operators.count("quantized_linear") == 4 and operators.count("linear") == 1
    assert [weight.kept for weight in built.weights if weight.name == name] == ["skipped"]


def test_a_row_is_within_half_a_step() -> None:
    x = torch.randn(40, 100) * torch.logspace(-20, 20, 40)[:, None]
    x[:5] = x[:5].abs()
    q, scale, zero = quantize_over(x, (-1,))
    assert bool(((q >= 0) & (q <= 127) & (q == q.round())).all())
    assert bool(((scale * (q - zero) - x).abs() <= 1.01 * scale).all())
    assert torch.equal(quantize_over(torch.zeros(2, 3), (-1,))[1], torch.zeros(2, 1))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_row_that_is_not_finite_has_no_scale(value: float) -> None:
    x = torch.ones(3, 8)
    x[1, 5] = value
    scale = quantize_over(x, (-1,))[1][:, 0]
    assert scale.isnan().tolist() == [False, True, False]


def test_weights_are_within_half_a_step() -> None:
    weight = torch.randn(21, 50) * torch.logspace(-30, 20, 21)[:, None]
    weight[3] = 0
    whole, scale, sums, bias = packed(weight, None)
    assert whole.shape == (3, 13, 8, 4) and scale.shape == sums.shape == bias.shape == (24,)
    error = ((unpack(whole) * scale[:, None])[:21, :50] - weight).abs()
    assert bool((error <= 0.5001 * scale[:21, None]).all())
