"""Architectures of pretrained weights whose packages' code needs more than the tests install."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class Crepe(nn.Module):
    """CREPE (Kim et al. 2018), size `tiny`: frames (N, 1024) at 16 kHz -> pitch bins (N, 360)."""

    channels = (1, 128, 16, 16, 16, 32, 64)

    def __init__(self) -> None:
        super().__init__()
        pairs = zip(self.channels, self.channels[1:], strict=False)
        for number, (inner, outer) in enumerate(pairs, 1):
            kernel, stride = ((512, 1), (4, 1)) if number == 1 else ((64, 1), (1, 1))
            setattr(self, f"conv{number}", nn.Conv2d(inner, outer, kernel, stride))
            setattr(self, f"conv{number}_BN", nn.BatchNorm2d(outer, eps=0.0010000000474974513))
        self.classifier = nn.Linear(256, 360)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x[:, None, :, None]
        for number in range(1, 7):
            y = F.pad(y, (0, 0, 254, 254) if number == 1 else (0, 0, 31, 32))
            y = F.relu(getattr(self, f"conv{number}")(y))
            y = F.max_pool2d(getattr(self, f"conv{number}_BN")(y), (2, 1))
        return torch.sigmoid(self.classifier(y.permute(0, 2, 1, 3).flatten(1)))


class PNet(nn.Module):
    """First stage of MTCNN (Zhang et al. 2016): image (N, 3, H, W) -> boxes and face scores."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        y = F.max_pool2d(self.prelu1(self.conv1(x)), 2, ceil_mode=True)
        y = self.prelu3(self.conv3(self.prelu2(self.conv2(y))))
        return self.conv4_2(y), self.conv4_1(y).softmax(1)


class SpeakerEncoder(nn.Module):
    """Wan et al. 2018: mel frames (N, T, 40) -> embedding (N, 256) of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(40, 256, 3, batch_first=True)
        self.linear = nn.Linear(256, 256)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        _, (hidden, _) = self.lstm(mels)
        return F.normalize(F.relu(self.linear(hidden[-1])), dim=1)


class Sentences(nn.Module):
    """An encoder's token embeddings averaged under the mask, of length 1."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        y = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask[..., None].to(y.dtype)
        return F.normalize((y * mask).sum(1) / mask.sum(1), dim=-1)
