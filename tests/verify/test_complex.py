"""Complex tensors from end to end: inside a model, and as inputs and outputs of one."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

import wasm_torch_web


class Denoiser(nn.Module):
    """A spectrogram, its phase turned and its magnitude cut, and back to a signal."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(64))
        self.turn = nn.Parameter(torch.randn(33, 1, dtype=torch.complex64))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        spectrum = torch.stft(x, 64, 16, window=self.window, return_complex=True)
        size = spectrum.abs()
        kept = torch.polar((size - size.mean()).relu(), spectrum.angle()) * self.turn
        signal = torch.istft(kept, 64, 16, window=self.window, length=x.shape[-1])
        return {"signal": signal, "spectrum": kept}


class Beams(nn.Module):
    """Complex weights of channels that an antenna received."""

    def forward(self, x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        beams = torch.fft.fft(x, dim=-1) @ weights.conj().mT
        return beams, beams.abs()


def test_stft_and_back(tmp_path: Path) -> None:
    torch.manual_seed(0)
    built = wasm_torch_web.build(Denoiser(), (torch.randn(2, 400),), out=tmp_path / "pkg")
    assert built.report is not None and built.report.passed, built.report.failures()
    ports = {p["name"]: p for p in built.manifest["programs"]["forward"]["outputs"]}
    assert ports["spectrum"]["dtype"] == "complex64"


def test_complex_inputs_and_outputs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    for dtype in (torch.complex64, torch.complex128):
        example = (torch.randn(3, 16, dtype=dtype), torch.randn(5, 16, dtype=dtype))
        out = tmp_path / str(dtype)
        built = wasm_torch_web.build(Beams(), example, out=out, name="beams")
        assert built.report is not None and built.report.passed, built.report.failures()
        name = str(dtype).removeprefix("torch.")
        declared = (out / "index.d.ts").read_text()
        assert f"x: Given<'{name}', readonly [3, 16]>" in declared
        assert f"output_0: Got<'{name}', [3, 5]>" in declared
