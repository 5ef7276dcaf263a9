"""Architectures of pretrained weights whose packages' code needs more than the tests install."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


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
