"""The factory that the state dict mobilenet_v2-b0353104.pth belongs to: MobileNetV2 on ImageNet.

The weights are torchvision's (IMAGENET1K_V1); `make demo` takes them from the test packages.
"""

import torch
from torch import nn
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

preprocess = MobileNet_V2_Weights.IMAGENET1K_V1.transforms()  # what `--preprocess image` means here


def model() -> nn.Module:
    """The architecture that the state dict belongs to: logits of 1000 classes."""
    return mobilenet_v2(weights=None)


def example_inputs() -> dict[str, torch.Tensor]:
    """One picture, normalised: `x` is float32 (N, 3, 224, 224)."""
    return {"x": torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))}
