"""A name in, a module in eval mode and its example inputs out: the networks that are compared.

Weights are random, from the same seed in every process: speed does not depend on them. CORE are
the eleven whose figures docs/benchmarks.md sums up first; the rest widens the picture.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from bench.models import detection, image, text
from bench.models.model import Model

CORE: dict[str, Callable[[], Model]] = {
    "mobilenet_v2": image.classifier("mobilenet_v2"),
    "mobilenet_v3_small": image.classifier("mobilenet_v3_small"),
    "resnet18": image.classifier("resnet18"),
    "resnet50": image.classifier("resnet50"),
    "efficientnet_b0": image.classifier("efficientnet_b0"),
    "convnext_tiny": image.classifier("convnext_tiny"),
    "vit_tiny": image.vit_tiny,
    "deeplabv3_mobilenet_v3_large": image.deeplab,
    "minilm_l6": text.minilm,
    "gpt2_6l_64": text.gpt2,
    "whisper_tiny_enc": text.whisper_encoder,
}
MORE: dict[str, Callable[[], Model]] = {
    "yolov8n_320": detection.yolo,
    "ssdlite320": detection.ssdlite,
    "unet_256": image.unet,
    "srvgg_x4": image.super_resolution,
    "speaker_lstm": text.speaker,
    "llama_step": text.llama_step,
    "minilm_dynamic": text.minilm_dynamic,
}
MODELS = CORE | MORE


def make(name: str) -> Model:
    """The model of that name, the same in every process."""
    torch.manual_seed(0)
    return MODELS[name]()
