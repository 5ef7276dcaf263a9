"""Packages with float16 weights: half the download, verified against the same rounded weights, and
told how far these move the outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from support.models import write_archive
from torch import Tensor, nn

import wasm_torch_web
from wasm_torch_web.cli import invoke
from wasm_torch_web.errors import UserError, WtwError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.pipeline import BuildResult
from wasm_torch_web.verify.compare import TOLERANCE, compare

KIND = "fp16"
IMAGE = torch.randn(2, 8, 20, 20, generator=torch.Generator().manual_seed(3))


class Vision(nn.Module):
    """Convolutions of every kind with folded norms, a linear layer, an attention, a count of runs,
    and random numbers where asked for."""

    def __init__(self, draws: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.draws = draws
        self.stem = nn.Sequential(nn.Conv2d(8, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.deep = nn.Sequential(nn.Conv2d(32, 32, 5, 2, groups=32), nn.Conv2d(32, 64, 1))
        self.attention = nn.MultiheadAttention(64, 4, batch_first=True)
        self.head = nn.Linear(64, 100)
        nn.init.normal_(self.head.weight, std=3)
        self.register_buffer("runs", torch.zeros(()))
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_var, 0.5, 2)
                nn.init.normal_(module.running_mean)

    def forward(self, x: Tensor) -> Any:
        self.runs += 1
        y = self.deep(self.stem(x)).flatten(2).transpose(1, 2)
        y = self.head(self.attention(y, y, y, need_weights=False)[0].mean(1)) * self.runs
        return (y, torch.rand_like(y) + y) if self.draws else y


def stored(package: Path) -> int:
    return sum(shard["bytes"] for shard in manifests.read(package)["weights"]["shards"])


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("model") / "vision.pt2", Vision(), (IMAGE,))


def test_chromium_gives_what_the_rounded_weights_mean(result: BuildResult) -> None:
    assert result.verification == "passed"
    assert result.report is not None and result.report.max_abs_error < TOLERANCE


def test_it_is_half_as_large_and_moves_the_outputs(result: BuildResult) -> None:
    weights = manifests.read(result.out)["weights"]
    assert 0.5 < stored(result.out) / weights["bytes"] < 0.55
    assert not any(weight.kept for weight in result.weights)
    [drift] = result.drift
    assert drift.relative is not None and 1e-5 < drift.relative < 2e-3
    # Verification would not take these outputs for those of the weights as they were.
    with torch.no_grad():
        eager = Vision().eval()(IMAGE)
    assert not compare("output", eager, result.reference([{"x": IMAGE}])[0]["output"]).passed
    assert manifests.read(result.out)["quantized"] == {
        "kind": "fp16",
        "ways": {"fp16": sorted(weight.name for weight in result.weights)},
        "drift": [drift.to_json()],
    }


def test_the_engine_in_python_reads_it(result: BuildResult) -> None:
    with wasm_torch_web.load(result.out) as model:
        for _ in range(2):  # the count of runs is state
            given = model.run(x=IMAGE.numpy())
    first, second = result.reference([{"x": IMAGE}, {"x": IMAGE}])
    assert not torch.equal(torch.as_tensor(first["output"]), torch.as_tensor(second["output"]))
    torch.testing.assert_close(
        torch.from_numpy(given["output"]), second["output"], rtol=1e-4, atol=1e-5
    )


def test_it_is_validated_against_its_source(
    result: BuildResult, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["validate", str(result.out), "--source", str(archive), "--json"]
    assert invoke(words) == 0
    assert json.loads(capsys.readouterr().out)["result"]["passed"]


def test_bisect_would_blame_the_rounding(
    result: BuildResult, archive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["bisect", str(result.out), "--source", str(archive), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "WTW616"


def test_the_same_options_give_the_same_package(result: BuildResult, archive: Path) -> None:
    options = manifests.read(result.out)["provenance"]["options"]
    assert options == ["--quantize", "fp16"]
    again = result.out.with_name("again")
    wasm_torch_web.build(archive, out=again, quantize="fp16", verify=False)
    for name in ("plan.bin", "weights-00.bin", "golden.bin"):
        assert (again / name).read_bytes() == (result.out / name).read_bytes(), name


def test_random_numbers_are_the_packages_own(tmp_path: Path) -> None:
    built = wasm_torch_web.build(Vision(draws=True), (IMAGE,), out=tmp_path / "p", quantize="fp16")
    assert built.verification == "passed"
    assert len(built.drift) == 1


def test_a_weight_that_was_float16_before_costs_nothing(tmp_path: Path) -> None:
    model = Vision()
    model.head.weight.data = model.head.weight.data.half().float()
    wasm_torch_web.build(model, (IMAGE,), out=tmp_path / "plain", verify=False)
    tensors = manifests.read(tmp_path / "plain")["weights"]["tensors"]
    halves = [weight["shape"] for weight in tensors if "storage" in weight]
    assert halves == [[100, 64]]
    with wasm_torch_web.load(tmp_path / "plain") as loaded, torch.no_grad():
        given = torch.from_numpy(loaded.run(x=IMAGE.numpy())["output"])
        torch.testing.assert_close(given, model.eval()(IMAGE), rtol=1e-4, atol=1e-5)


def test_too_much_drift_is_an_error(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(WtwError) as caught:
        wasm_torch_web.build(archive, out=tmp_path / "p", quantize="fp16", max_error=1e-6)
    assert caught.value.slug == "quantize-drift" and caught.value.exit_code == 3
    assert not (tmp_path / "p").exists()
    with pytest.raises(UserError) as refused:
        wasm_torch_web.build(archive, out=tmp_path / "p", quantize="fp3")
    assert refused.value.slug == "quantize-kind"


@pytest.mark.usefixtures("one_page")
def test_optimize_tells_both_variants(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "pkg"
    words = ["optimize", archive, "--out", out, "--quantize", "fp16", "--skip", "*head*", "--json"]
    assert invoke([*map(str, words)]) == 0
    found = json.loads(capsys.readouterr().out)["result"]
    plain, small = found["variants"]
    assert small["bytes"]["raw"]["weights"] < 0.7 * plain["bytes"]["raw"]["weights"]
    assert small["bytes"]["compressed"]["weights"] < plain["bytes"]["compressed"]["weights"]
    assert plain["relError"] == 0 < small["relError"] < 1e-2
    assert all(one["loadMs"] > 0 and one["medianMs"] > 0 for one in (plain, small))
    assert [w["kept"] for w in found["weights"] if "head" in w["name"]] == ["skipped"]
    words = ["optimize", archive, "--out", tmp_path / "q", "--quantize", "fp16", "--no-verify"]
    assert invoke([*map(str, words)]) == 0
    said = capsys.readouterr().out
    assert "100.0%" in said and "0.0e+00" in said
