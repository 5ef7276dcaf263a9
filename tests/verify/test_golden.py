"""Golden data: small enough, complete, and read back as written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from support.fake_model import fake_files, fake_manifest

from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import MIN_ASSET_BYTES, Manifest
from wasm_torch_web.verify import golden
from wasm_torch_web.verify.reference import Flat


def manifest_for(values: Flat) -> Manifest:
    ports = [
        {
            "name": name,
            "kind": "tensor",
            "dtype": str(value.dtype).removeprefix("torch."),
            "shape": list(value.shape),
        }
        if isinstance(value, torch.Tensor)
        else {"name": name, "kind": type(value).__name__}
        for name, value in values.items()
    ]
    return fake_manifest(inputs=ports, outputs=ports)


def written(folder: Path, examples: list[Flat]) -> Manifest:
    """Golden data of a model whose outputs are its inputs."""
    manifest = manifest_for(examples[0])
    fake_files(folder)
    golden.write(folder, manifest, golden.make_cases(manifest, examples, list))
    return manifests.read(folder)


def test_small_inputs_are_stored_in_full(tmp_path: Path) -> None:
    values = {
        "x": torch.randn(3, 5),
        "ids": torch.tensor([[2**40, -1]]),
        "bits": torch.tensor([True, False]),
        "half": torch.tensor(1.5, dtype=torch.bfloat16),
        "waves": torch.tensor([1 + 2j]),
        "empty": torch.zeros(0, 4),
        "n": 5,
        "flag": False,
        "scale": float("inf"),
    }
    manifest = written(tmp_path, [values])
    for name, value in golden.read_inputs(tmp_path, manifest, 0).items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, values[name])
            assert value.dtype == values[name].dtype
        else:
            assert value == values[name]
    assert manifest["golden"]["bytes"] >= MIN_ASSET_BYTES


def test_large_inputs_become_random_within_the_bounds_of_the_example(tmp_path: Path) -> None:
    image = torch.linspace(-2, 3, 3 * 224 * 224).reshape(1, 3, 224, 224)
    manifest = written(tmp_path, [{"image": image, "scale": torch.ones(3)}])
    inputs = manifest["golden"]["cases"][0]["inputs"]
    assert inputs["image"]["random"] == {"seed": 1, "low": -2, "high": 3}
    assert "offset" in inputs["scale"]
    image = golden.read_inputs(tmp_path, manifest, 0)["image"]
    assert isinstance(image, torch.Tensor)
    assert -2 <= float(image.min()) < -1.99
    assert 2.99 < float(image.max()) < 3


def test_outputs_are_those_of_the_inputs_as_stored(tmp_path: Path) -> None:
    manifest = written(tmp_path, [{"x": torch.linspace(0, 1, 100_000)}])
    stored = golden.read_inputs(tmp_path, manifest, 0)
    assert golden.differences(tmp_path, manifest, 0, stored) == []


@pytest.mark.parametrize("count", [0, 1, 4096, 4097, 8192, 100_001])
def test_large_outputs_are_sampled_evenly(tmp_path: Path, count: int) -> None:
    manifest = written(tmp_path, [{"x": torch.randn(count)}])
    entry = manifest["golden"]["cases"][0]["outputs"]["x"]
    every = entry.get("every", 1)
    samples = entry["bytes"] // 4
    assert samples == -(-count // every) <= 4096
    assert (every == 1) == (count <= 4096)
    x = golden.read_inputs(tmp_path, manifest, 0)["x"]
    assert isinstance(x, torch.Tensor)
    data = (tmp_path / "golden.bin").read_bytes()[entry["offset"] :][: entry["bytes"]]
    assert data == x[::every].numpy().tobytes()


def test_maximum_and_mean_are_over_the_finite_elements(tmp_path: Path) -> None:
    values = {"x": torch.tensor([1.0, float("nan"), 4.0, float("inf")]), "y": torch.tensor([])}
    outputs = written(tmp_path, [values])["golden"]["cases"][0]["outputs"]
    assert (outputs["x"]["max"], outputs["x"]["mean"]) == (4, 2.5)
    assert (outputs["y"]["max"], outputs["y"]["mean"]) == (None, None)


def test_many_cases_and_outputs_stay_under_the_limit(tmp_path: Path) -> None:
    example = {f"x{i}": torch.randn(20_000) for i in range(40)}
    manifest = written(tmp_path, [example, example])
    assert manifest["golden"]["bytes"] <= golden.MAX_BYTES
    assert (
        golden.differences(tmp_path, manifest, 1, golden.read_inputs(tmp_path, manifest, 1)) == []
    )


def test_damaged_data_are_not_read(tmp_path: Path) -> None:
    manifest = written(tmp_path, [{"x": torch.ones(4)}])
    data = bytearray((tmp_path / golden.FILE).read_bytes())
    data[3] ^= 1
    (tmp_path / golden.FILE).write_bytes(data)
    with pytest.raises(UserError, match="WTW304"):
        golden.read_inputs(tmp_path, manifest, 0)
    with pytest.raises(UserError, match="WTW304"):
        golden.differences(tmp_path, manifest, 0, {"x": torch.ones(4)})


def test_other_outputs_are_told_apart(tmp_path: Path) -> None:
    manifest = written(tmp_path, [{"x": torch.randn(10_000), "n": 3, "y": torch.randn(4)}])
    right = dict(golden.read_inputs(tmp_path, manifest, 0))
    x, y = right["x"], right["y"]
    assert isinstance(x, torch.Tensor)
    assert isinstance(y, torch.Tensor)

    def differences(**changes: torch.Tensor | float) -> list[str]:
        return golden.differences(tmp_path, manifest, 0, right | changes)

    assert differences() == []
    assert differences(x=x + 1) == ["x"]
    assert differences(n=4) == ["n"]
    assert differences(y=y.reshape(2, 2)) == ["y"]
    assert differences(y=1.0) == ["y"]
    del right["y"]
    assert differences() == ["y"]
