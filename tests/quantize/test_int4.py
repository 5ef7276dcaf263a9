"""Packages with int4 weights: a small language model, and what becomes of its weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import torch
import torch.nn.functional as F
from support.models import write_archive
from torch import Tensor, nn

import wasm_torch_web
from wasm_torch_web.compiler import lowered
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.passes import SIMPLIFY, run
from wasm_torch_web.pipeline import BuildResult
from wasm_torch_web.quantize.apply import apply
from wasm_torch_web.quantize.reference import Quantized
from wasm_torch_web.quantize.spec import spec_of

KIND = "int4"
WIDTH, HEADS, WORDS, PLACES = 96, 4, 301, 64


class Block(nn.Module):
    """A layer as GPT-2 has it, with the keys and values of what it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        for name in ("keys", "values"):
            self.register_buffer(name, torch.zeros(1, HEADS, PLACES, WIDTH // HEADS))
        self.keys: Tensor
        self.values: Tensor

    def forward(self, x: Tensor, place: Tensor, mask: Tensor) -> Tensor:
        parts = self.qkv(self.first(x)).view(1, 1, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        self.keys.index_copy_(2, place, parts[1])
        self.values.index_copy_(2, place, parts[2])
        seen = F.scaled_dot_product_attention(parts[0], self.keys, self.values, mask)
        x = x + self.out(seen.transpose(1, 2).reshape(1, 1, WIDTH))
        x = x + self.down(F.gelu(self.up(self.second(x)), approximate="tanh"))
        return x


class Gpt(nn.Module):
    """Two layers and a head that is tied to the embedding; one token a run."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(PLACES, WIDTH)
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, WORDS, bias=False)
        self.head.weight = self.words.weight

    def forward(self, token: Tensor, place: Tensor) -> Tensor:
        x = self.words(token) + self.places(place)
        mask = (torch.arange(PLACES) <= place)[None, None, None]
        for block in self.blocks:
            x = block(x, place, mask)
        logits: Tensor = self.head(self.norm(x))
        return logits


EXAMPLE = (torch.tensor([[5]]), torch.tensor([0]))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("model") / "gpt.pt2", Gpt(), EXAMPLE)


def test_every_variant_gives_what_the_integers_mean(
    result: BuildResult, archive: Path, check_variants: Callable[[BuildResult, Path], None]
) -> None:
    check_variants(result, archive)


def test_linear_layers_are_int4_and_what_is_tied_is_stored_once(result: BuildResult) -> None:
    manifest = manifests.read(result.out)
    operators = [node["op"] for node in manifest["graph"]["nodes"]]
    assert operators.count("int4_linear") == 8 and operators.count("quantized_linear") == 1
    assert operators.count("quantized_embedding") == 2
    assert not {"linear", "embedding"} & {*operators}
    assert not any(weight.kept for weight in result.weights)
    tensors = manifest["weights"]["tensors"]
    elements = 2 * 12 * WIDTH**2
    packed = [one for one in tensors if one["dtype"] in ("uint8", "bfloat16")]
    assert 4.5 <= 8 * sum(one["bytes"] for one in packed) / elements <= 5
    int8 = [one["bytes"] for one in tensors if one["dtype"] == "int8"]
    assert sorted(int8) == [PLACES * WIDTH, 304 * WIDTH]
    [drift] = [one for one in result.drift if one.relative is not None]
    assert drift.relative is not None and 1e-3 < drift.relative < 0.2


def test_a_package_generates_what_its_reference_does(result: BuildResult, archive: Path) -> None:
    runs, given = [], []
    with wasm_torch_web.load(result.out) as model:
        token = 5
        for place in range(20):
            run_of = {"token": torch.tensor([[token]]), "place": torch.tensor([place])}
            logits = model.run({name: x.numpy() for name, x in run_of.items()})["output"]
            runs.append(run_of)
            given.append(torch.from_numpy(numpy.asarray(logits)))
            token = int(given[-1].argmax())
    graph = lowered(torch.export.load(archive))
    run(graph, SIMPLIFY)
    spec = spec_of(manifests.read(result.out))
    assert spec is not None and spec.mix is not None
    apply(graph, spec.mix, spec.ranges)
    for mine, expected in zip(given, Quantized(graph)(runs), strict=True):
        other = expected["output"]
        assert isinstance(other, Tensor)
        assert torch.allclose(mine, other, rtol=0, atol=1e-4 * float(other.abs().max()))
        assert int(mine.argmax()) == int(other.argmax())


def test_layers_that_do_not_fit_are_int8(tmp_path: Path) -> None:
    """Rows that are shorter than a block; rows of which int4 leaves nothing."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(24, 256), nn.Linear(256, 64), nn.Linear(64, 64))
    with torch.no_grad():
        module[1].weight[3] = 1e-4
        module[1].weight[3, ::32] = 1
    archive = write_archive(tmp_path / "m.pt2", module, (torch.randn(3, 24),))
    built = wasm_torch_web.build(archive, out=tmp_path / "p", quantize="int4", verify=False)
    ways = {weight.name: weight.way for weight in built.weights}
    assert [*ways.values()] == ["dynamic", "int4", "int4"]
