"""The factory that the state dict english_g2.pth belongs to: EasyOCR's reader of a line of text.

A convolutional recurrent network (Shi et al. 2015, https://arxiv.org/abs/1507.05717), trained with
CTC. `make gallery` takes the weights from the test packages.
"""

import torch
from torch import Tensor, nn

CHARACTERS = (
    "0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ €"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)  # classes 1 to 96; class 0 is CTC's blank
preprocess = "image:resize=64,interpolation=bicubic,mean=0.5,std=0.5"  # of one line


class Features(nn.Module):
    """Grey pictures (N, 1, 64, W) -> (N, 256, 3, W / 4 - 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.ConvNet = nn.Sequential(
            *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(64, 128, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(128, 128, 3, padding=1), nn.ReLU(), nn.MaxPool2d((2, 1))),
            *(nn.Conv2d(128, 256, 3, padding=1, bias=False), nn.BatchNorm2d(256), nn.ReLU()),
            *(nn.Conv2d(256, 256, 3, padding=1, bias=False), nn.BatchNorm2d(256), nn.ReLU()),
            nn.MaxPool2d((2, 1)),
            *(nn.Conv2d(256, 256, 2), nn.ReLU()),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.ConvNet(x)
        return y


class BothWays(nn.Module):
    """An LSTM in both directions: (N, T, 256) -> (N, T, 256)."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(256, 256, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(512, 256)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(self.rnn(x)[0])
        return y


class Reader(nn.Module):
    """A line of text (N, 1, 64, W) in -1..1 -> shares of 97 classes (N, W / 4 - 1, 97)."""

    def __init__(self) -> None:
        super().__init__()
        self.FeatureExtraction = Features()  # the names are the state dict's
        self.SequenceModeling = nn.Sequential(BothWays(), BothWays())
        self.Prediction = nn.Linear(256, 97)

    def forward(self, x: Tensor) -> Tensor:
        y = self.FeatureExtraction(x).mean(2).transpose(1, 2)
        y = self.Prediction(self.SequenceModeling(y)).softmax(-1)
        return y


def model() -> nn.Module:
    """The architecture that the state dict belongs to."""
    return Reader()


def example_inputs() -> dict[str, Tensor]:
    """Noise: `x` is float32 (1, 1, 64, W)."""
    return {"x": torch.rand(1, 1, 64, 320, generator=torch.Generator().manual_seed(0)) * 2 - 1}
