"""Golden data from Python is read by JavaScript bit for bit, in every dtype and form."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import wasm_torch_web
from wasm_torch_web.bundle import seal
from wasm_torch_web.verify import golden
from wasm_torch_web.verify.validate import validate

FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
COMPLEX = (torch.complex64, torch.complex128, torch.complex32)
INTS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


class Negated(nn.Module):
    """Exact in every dtype, so that a single wrong bit of an input shows."""

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return tuple(~x if x.dtype == torch.bool else -x for x in inputs)


@pytest.mark.parametrize("count", [3, 20_000], ids=["stored", "generated"])
def test_every_dtype(tmp_path: Path, count: int) -> None:
    floats = [torch.linspace(-3, 5, count).to(dtype) for dtype in FLOATS]
    ints = [(torch.arange(count) % 50).to(dtype) for dtype in INTS]
    spiral = torch.polar(torch.linspace(0, 3, count), torch.arange(count) * 1.0)
    complexes = [spiral.to(dtype) for dtype in COMPLEX]
    example = (*floats, *complexes, *ints, torch.arange(count) % 3 == 0)
    built = wasm_torch_web.build(Negated(), example, out=tmp_path / "pkg", verify=False)
    inputs = built.manifest["golden"]["cases"][0]["inputs"].values()
    assert any("random" in entry for entry in inputs) == (count > 3)
    report = validate(tmp_path / "pkg", variants=["simd128-single"])
    assert report.passed
    assert report.max_abs_error == 0
    assert len(report.runs[0].outputs) == len(example)


def test_wrong_outputs_do_not_pass(tmp_path: Path) -> None:
    example = torch.ones(5)
    built = wasm_torch_web.build(Negated(), (example,), out=tmp_path / "pkg", verify=False)
    wrong = golden.Case({"inputs_0": example}, {"output_0": example * -1.001})
    golden.write(tmp_path / "pkg", built.manifest, [wrong])
    seal(tmp_path / "pkg", built.manifest)
    assert validate(tmp_path / "pkg").failures() == ["output_0"]
