"""The factory that silero_vad_16k.safetensors belongs to: is somebody speaking?

Silero VAD (https://github.com/snakers4/silero-vad) as a plain module. What it remembers from one
piece of sound to the next lies in buffers, which a package keeps from run to run: `model.reset()`
forgets it. `make gallery` takes the weights from the test packages.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SAMPLES = 512  # 32 ms at 16 kHz
CONTEXT = 64


class SileroVad(nn.Module):
    """The next samples (1, 512) of a sound at 16 kHz, in -1..1 -> share of speech (1, 1)."""

    context: Tensor
    hidden: Tensor
    cell: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, 258, 256, stride=128, bias=False)
        self.conv1 = nn.Conv1d(129, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm_cell = nn.LSTMCell(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)
        for name, size in (("context", CONTEXT), ("hidden", 128), ("cell", 128)):
            self.register_buffer(name, torch.zeros(1, size), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        heard = torch.cat([self.context, samples], 1)
        real, imaginary = self.stft_conv(F.pad(heard, (0, 64), "reflect")[:, None]).chunk(2, 1)
        y = (real**2 + imaginary**2).sqrt()
        for convolution in (self.conv1, self.conv2, self.conv3, self.conv4):
            y = convolution(y).relu()
        hidden, cell = self.lstm_cell(y.squeeze(-1), (self.hidden, self.cell))
        self.context.copy_(heard[:, -CONTEXT:])
        self.hidden.copy_(hidden)
        self.cell.copy_(cell)
        share: Tensor = self.final_conv(hidden.relu()[..., None]).sigmoid()
        return share[..., 0]


def model() -> nn.Module:
    """The architecture that the weights belong to."""
    return SileroVad()


def example_inputs() -> dict[str, Tensor]:
    """Noise: `samples` is float32 (1, 512)."""
    return {"samples": torch.rand(1, SAMPLES, generator=torch.Generator().manual_seed(0)) * 2 - 1}
