"""Models that were quantised by PT2E or torchao: their integers stay integers, in the files and in
products, and what comes out is what PyTorch makes of them."""

from __future__ import annotations

import copy
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.native_graph import run_native
from torch import Tensor, nn
from torch.export import ExportedProgram

import wasm_torch_web
from wasm_torch_web.compiler import compile_program
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.verify import parity

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torchao import quantization as ao
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer.x86_inductor_quantizer import (
        X86InductorQuantizer,
        get_default_x86_inductor_quantization_config,
    )

ROWS = torch.randn(5, 128, generator=torch.Generator().manual_seed(1))
IMAGES = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(1))


class Layers(nn.Module):
    """An MLP."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(128, 352), nn.Linear(352, 96, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.second(torch.relu(self.first(x)))
        return y


class Images(nn.Module):
    """Convolutions and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 64, 3, 2, 1), nn.Conv2d(64, 64, 3)
        self.last = nn.Linear(64, 64)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.second(torch.relu(self.first(x))).mean((2, 3)))
        return y


def pt2e(module: nn.Module, x: Tensor, is_dynamic: bool) -> ExportedProgram:
    quantizer = X86InductorQuantizer()
    config = get_default_x86_inductor_quantization_config(is_dynamic=is_dynamic)
    quantizer.set_global(config)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepared = prepare_pt2e(torch.export.export(module.eval(), (x,)).module(), quantizer)
        prepared(x)
        return torch.export.export(convert_pt2e(prepared), (x,))


def torchao(config: Any) -> Layers:
    module = Layers().eval()
    ao.quantize_(module, config)
    return module


CONFIGS: dict[str, Callable[[], Any]] = {
    "int8": ao.Int8WeightOnlyConfig,
    "int8 dynamic": ao.Int8DynamicActivationInt8WeightConfig,
    "int4": lambda: ao.IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=ao.PerGroup(32)),
    "int4 dynamic": lambda: ao.Int8DynamicActivationIntxWeightConfig(
        weight_dtype=torch.int4, weight_granularity=ao.PerGroup(32)
    ),
}
# What the layers become.
PRODUCTS = {"int8 dynamic": "integer_linear"}


def rows_of(program: ExportedProgram, x: Tensor) -> Counter[str]:
    """Compares the native build with PyTorch; gives the operators, and how many float32 constants
    are as large as weights as `large`."""
    compiled = compile_program(program)
    graph = compiled.graph
    for given, expected in run_native(compiled, copy.deepcopy(program.module()), (x,)):
        error = (given - expected).abs().max() / expected.abs().max()
        assert error < 1e-4
    values = {v for node in (*graph.prepare, *graph.nodes) for v in node.inputs if v is not None}
    large = sum(v.is_constant and v.dtype == torch.float32 and int(v.numel) > 2000 for v in values)
    rows = Counter(node.row.name for node in (*graph.prepare, *graph.nodes))
    return rows + Counter(large=large)


@pytest.mark.parametrize("is_dynamic", [False, True])
def test_linear_layers_of_pt2e_are_products_of_integers(is_dynamic: bool) -> None:
    rows = rows_of(pt2e(Layers(), ROWS, is_dynamic), ROWS)
    assert rows["integer_linear"] == 2 and rows["linear"] == 0 and rows["large"] == 0


@pytest.mark.parametrize("is_dynamic", [False, True])
def test_convolutions_of_pt2e_are_products_of_integers(is_dynamic: bool) -> None:
    rows = rows_of(pt2e(Images(), IMAGES, is_dynamic), IMAGES)
    assert rows["dequantize_weight"] == rows["conv2d"] == 0
    assert rows["integer_conv2d"] == 2 and rows["large"] == 0
    assert rows["integer_linear"] == 1 and rows["copy"] == 0


@pytest.mark.parametrize("name", CONFIGS)
def test_layers_of_torchao_keep_their_integers(name: str) -> None:
    rows = rows_of(torch.export.export(torchao(CONFIGS[name]()), (ROWS,)), ROWS)
    assert rows[PRODUCTS.get(name, "weight_only_linear")] == 2
    assert rows["linear"] == rows["large"] == 0


def test_a_package_of_int4_is_small_and_verified(tmp_path: Path) -> None:
    built = wasm_torch_web.build(torchao(CONFIGS["int4"]()), (ROWS,), out=tmp_path / "pkg")
    assert built.verification == "passed"
    tensors = manifests.read(built.out)["weights"]["tensors"]
    elements = 128 * 352 + 352 * 96
    assert sum(one["bytes"] for one in tensors if one["dtype"] == "uint8") == elements // 2
    assert sum(one["bytes"] for one in tensors) < elements * 6 / 8


def test_an_archive_of_pt2e_is_a_source(tmp_path: Path) -> None:
    """In a process of its own, where nothing has loaded the operators."""
    archive = tmp_path / "quantized.pt2"
    torch.export.save(pt2e(Images(), IMAGES, is_dynamic=False), archive)
    command = [sys.executable, "-m", "wasm_torch_web", "build", archive, "--out", tmp_path / "pkg"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert manifests.read(tmp_path / "pkg")["verified"]


def deep(moved: float = 0.0) -> nn.Sequential:
    """Convolutions, one after the other, whose steps sums in another order move."""
    torch.manual_seed(0)
    sizes = ((64, 256, 1), (256, 64, 1), (64, 256, 1), (256, 256, 3), (256, 512, 1))
    layers = [nn.Conv2d(3, 64, 4, 4)]
    for i, o, k in sizes:
        layers += [nn.ReLU(), nn.Conv2d(i, o, k)]
    with torch.no_grad():
        layers[-1].bias += moved
    return nn.Sequential(*layers)


def test_a_step_more_or_less_is_no_fault(tmp_path: Path) -> None:
    """PyTorch's own outputs depend on the order of its sums. Another bias is another model."""
    images = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    good = wasm_torch_web.build(pt2e(deep(), images, is_dynamic=False), out=tmp_path / "good")
    assert good.verification == "passed" and good.report is not None
    assert any("floats moved by" in one.note for run in good.report.runs for one in run.outputs)
    other = pt2e(deep(moved=2e-3), images, is_dynamic=False)
    wrong = wasm_torch_web.build(other, out=tmp_path / "wrong", verify=False)
    assert good.reference is not None
    assert not parity.check(wrong.out, good.reference).passed
