"""Bytes between layers: packages in every variant, and what the graph becomes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from support.models import write_archive
from torch import Tensor, nn

import wasm_torch_web
from wasm_torch_web import passes
from wasm_torch_web.compiler import lowered
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.ir import Graph
from wasm_torch_web.pipeline import BuildResult
from wasm_torch_web.quantize.dynamic import DYNAMIC
from wasm_torch_web.quantize.observe import calibrate
from wasm_torch_web.quantize.reference import Quantized
from wasm_torch_web.quantize.static import FASTER, STATIC
from wasm_torch_web.quantize.way import Way, Weight
from wasm_torch_web.verify.reference import Flat

IMAGE = torch.randn(2, 3, 37, 34, generator=torch.Generator().manual_seed(1))


def conv(i: int, o: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    layer = nn.Conv2d(i, o, kernel, stride, kernel // 2, groups=groups, bias=False)
    norm = nn.BatchNorm2d(o)
    norm.running_mean, norm.running_var = torch.randn(o) / 4, torch.rand(o) + 0.5
    return nn.Sequential(layer, norm)


class Net(nn.Module):
    """A stem and pooling, a residual block, an inverted residual, a concatenation, a head."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = conv(3, 64, 7, 2)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.first, self.second = conv(64, 64), conv(64, 64)
        self.expand, self.depthwise = conv(64, 192), conv(192, 192, 3, 2, 192)
        self.project = conv(192, 64)
        self.left, self.right = conv(64, 72, 5, 2), conv(64, 80, 3, 2)
        self.mix = conv(152, 72)
        self.head = nn.Linear(72, 100)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.stem(x).relu())
        x = (self.second(self.first(x).relu()) + x).relu()
        x = self.project(nn.functional.relu6(self.depthwise(nn.functional.relu6(self.expand(x)))))
        x = self.mix(torch.cat([self.left(x).relu(), self.right(x)], 1)).relu()
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


def simplified(module: nn.Module, *inputs: Tensor) -> Graph:
    graph = lowered(torch.export.export(module.eval(), inputs))
    passes.run(graph, passes.SIMPLIFY)
    return graph


def quantized(graph: Graph, way: Way, runs: list[Flat], observer: str = "minmax") -> list[Weight]:
    ranges = calibrate(graph, runs, observer)
    weights = way.weights(graph, ranges)
    way.apply(graph, {one.name for one in weights if not one.kept}, ranges)
    graph.verify("quantize")
    return weights


def operators(graph: Graph) -> list[str]:
    return [node.row.name for node in graph.nodes]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("model") / "net.pt2", Net().eval(), (IMAGE,))


def build(archive: Path, out: Path, kind: str) -> BuildResult:
    return wasm_torch_web.build(archive, out=out, quantize=kind)


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_every_variant_gives_what_the_integers_mean(
    kind: str,
    archive: Path,
    tmp_path: Path,
    check_variants: Callable[[BuildResult, Path], None],
) -> None:
    result = build(archive, tmp_path / "pkg", kind)
    check_variants(result, archive)
    [drift] = result.drift
    assert drift.relative is not None and 1e-3 < drift.relative < 0.05
    names = {node["op"] for node in manifests.read(result.out)["graph"]["nodes"]}
    assert names >= (
        {"static_conv2d", "static_depthwise_conv2d", "static_linear", "max_pool2d", "cat"}
        if kind == "static"
        else {"quantized_conv2d", "quantized_linear"}
    )


def test_no_floats_between_layers() -> None:
    graph = simplified(Net(), IMAGE)
    quantized(graph, STATIC, [{"x": IMAGE}])
    names = operators(graph)
    # The image becomes bytes, and so does the mean before the head; nothing else changes sides.
    assert names.count("quantize") == 2 and names.count("dequantize") == 0
    assert names.count("static_conv2d") == 8 and "conv2d" not in names
    between = [v for node in graph.nodes[:-4] for v in node.outputs]
    assert {value.dtype for value in between} == {torch.uint8}


def test_a_value_that_is_an_output_too_is_floats_besides() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(96, 96), nn.Linear(96, 96)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y = self.a(x).relu()
            return y, self.b(y)

    x = torch.randn(64, 96)
    graph = simplified(Two(), x)
    [before] = Quantized(graph)([{"x": x}])
    quantized(graph, STATIC, [{"x": x}])
    assert operators(graph) == ["quantize", "static_linear", "dequantize", "static_linear"]
    [after] = Quantized(graph)([{"x": x}])
    for name, expected in before.items():
        assert (after[name] - expected).norm() < 0.03 * expected.norm()


def test_an_activation_that_is_no_clamp_ends_a_chain() -> None:
    x = torch.randn(64, 96)
    graph = simplified(nn.Sequential(nn.Linear(96, 96), nn.GELU(), nn.Linear(96, 96)), x)
    quantized(graph, STATIC, [{"input": x}])
    assert operators(graph) == ["quantize", "static_linear"] * 2


def test_layers_of_other_names_stay() -> None:
    graph = simplified(Net(), IMAGE)
    ranges = calibrate(graph, [{"x": IMAGE}], "minmax")
    weights = STATIC.weights(graph, ranges)
    STATIC.apply(graph, {weights[2].name}, ranges)
    names = operators(graph)
    assert names.count("static_conv2d") == 1 and names.count("conv2d") == 7
    assert names.count("quantize") == 2  # its input and what it adds


def test_what_calibration_has_not_seen_stays() -> None:
    graph = simplified(Net(), IMAGE)
    assert {one.kept for one in STATIC.weights(graph, {})} == {"its input or output has no range"}
    image = IMAGE.clone()
    image[0, 0, 0, 0] = torch.inf
    ranges = calibrate(graph, [{"x": IMAGE}, {"x": image}], "minmax")
    assert STATIC.weights(graph, ranges)[0].kept == "its input or output has no range"


@pytest.mark.parametrize("way", [STATIC, DYNAMIC], ids=lambda way: way.name)
def test_a_convolution_that_winograd_makes_faster_stays(way: Way) -> None:
    x = torch.randn(1, 64, 56, 56)
    graph = simplified(nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(64, 256, 1)), x)
    weights = quantized(graph, way, [{"input": x}])
    assert [one.kept for one in weights] == [FASTER, ""]


def test_ranges_of_a_concatenation_are_one() -> None:
    class Joined(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = (nn.Conv2d(64, 64, 1) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = self.c(self.a(x)) + self.c(8 * self.b(x))
            return y

    torch.manual_seed(0)
    x = torch.randn(1, 64, 20, 20)
    graph = simplified(Joined(), x)
    [before] = Quantized(graph)([{"x": x}])
    quantized(graph, STATIC, [{"x": x}])
    [after] = Quantized(graph)([{"x": x}])
    assert (after["output"] - before["output"]).norm() < 0.05 * before["output"].norm()


def test_min_and_max_are_those_of_all_runs_and_hold_zero() -> None:
    graph = simplified(nn.Linear(96, 96), torch.ones(2, 96))
    runs = [{"input": torch.full((2, 96), value)} for value in (1.0, 3.0)]
    name = graph.nodes[0].inputs[0]
    assert name is not None
    assert calibrate(graph, runs, "minmax")[name.name] == (0.0, 3.0)


def test_percentile_cuts_outliers_and_mse_errs_least() -> None:
    x = torch.randn(200, 96, generator=torch.Generator().manual_seed(0))
    x[0, 0] = 40
    graph = simplified(nn.Linear(96, 96), x)
    value = graph.nodes[0].inputs[0]
    assert value is not None
    found = {
        observer: calibrate(graph, [{"input": x}], observer)[value.name]
        for observer in ("minmax", "percentile", "mse")
    }
    assert found["minmax"][1] == 40
    assert 3 < found["percentile"][1] < 5 and found["percentile"][0] < -3

    def error(low: float, high: float) -> float:
        scale = (high - low) / 127
        zero = round(-low / scale)
        q = ((x / scale).round() + zero).clamp(0, 127)
        return float(((q - zero) * scale - x).square().sum())

    errors = {observer: error(*ends) for observer, ends in found.items()}
    assert errors["mse"] < 1.02 * min(errors.values()) and errors["mse"] < errors["minmax"]
