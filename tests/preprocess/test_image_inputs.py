"""Pictures become what PIL and torchvision make of them, to the bit: real files, in Node."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models.pretrained import package
from PIL import Image
from support.conversion import Job, convert, pixels
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import InterpolationMode
from torchvision.transforms._presets import ImageClassification, SemanticSegmentation

from wasm_torch_web.preprocess import offered
from wasm_torch_web.preprocess.image import entry

FILES = ("chelsea.png", "astronaut.png", "rocket.jpg", "page.png")
MODES = {"nearest": 0, "bilinear": 2, "bicubic": 3, "lanczos": 1}
# Height and width: smaller, larger, one axis alone, a single pixel, nothing to do.
SIZES = ((224, 224), (37, 301), (600, 777), (300, 100), (1, 1), (300, 451))


def photograph(name: str) -> Image.Image:
    return Image.open(package("skimage") / "data" / name).convert("RGB")


def port(shape: list[Any], settings: dict[str, Any], dtype: str = "float32") -> dict[str, Any]:
    plain = {"name": "x", "kind": "tensor", "dtype": dtype, "shape": shape}
    return {**plain, "preprocess": entry(plain, settings)}


def one(folder: Path, job: Job) -> Tensor:
    (found,) = convert(folder, "images", [job])
    return found


def test_every_interpolation_rounds_as_pil_does(tmp_path: Path) -> None:
    image = photograph("chelsea.png")
    cases = [(mode, size) for mode in MODES for size in SIZES]
    jobs = [
        Job(
            port([1, 3, *size], {"resize": [*size], "interpolation": mode}, "uint8"),
            [pixels(image)],
        )
        for mode, size in cases
    ]
    for (mode, (height, width)), found in zip(
        cases, convert(tmp_path, "images", jobs), strict=True
    ):
        expected = np.asarray(image.resize((width, height), MODES[mode])).transpose(2, 0, 1)
        assert np.array_equal(found[0].numpy(), expected), (mode, height, width)


PIPELINES: dict[str, Callable[[Image.Image], Tensor]] = {
    "classification": ImageClassification(crop_size=224),
    "bicubic": ImageClassification(
        crop_size=112, resize_size=127, interpolation=InterpolationMode.BICUBIC
    ),
    "segmentation": SemanticSegmentation(resize_size=120),
    "composed": transforms.Compose(
        [
            transforms.Resize((90, 131), InterpolationMode.LANCZOS),
            transforms.CenterCrop((64, 96)),
            transforms.ToTensor(),
            transforms.Normalize(0.5, 0.25),
        ]
    ),
    "padded": transforms.Compose([transforms.CenterCrop((601, 600)), transforms.ToTensor()]),
    "bytes": transforms.Compose(
        [
            transforms.Resize([50]),
            transforms.PILToTensor(),
            transforms.ConvertImageDtype(torch.float32),
        ]
    ),
}


@pytest.mark.parametrize("name", PIPELINES)
def test_torchvision_transforms_are_read_and_equalled(tmp_path: Path, name: str) -> None:
    pipeline = PIPELINES[name]
    kind, settings = offered.settings(pipeline)
    assert kind == "image"
    images = [photograph(file) for file in FILES]
    images.append(images[0].rotate(90, expand=True))
    images.append(images[0].crop((0, 0, 450, 299)))
    given = port(["batch", 3, "height", "width"], settings)
    found = convert(tmp_path, "images", [Job(given, [pixels(image)]) for image in images])
    for image, tensor in zip(images, found, strict=True):
        assert torch.equal(tensor, pipeline(image)[None]), image.size


def test_a_large_photograph(tmp_path: Path) -> None:
    """12 megapixels, of which a third is beyond the crop."""
    image = photograph("rocket.jpg").resize((4000, 3000), Image.Resampling.BICUBIC)
    pipeline = ImageClassification(crop_size=224)
    given = port([1, 3, 224, 224], offered.settings(pipeline)[1])
    assert torch.equal(one(tmp_path, Job(given, [pixels(image)])), pipeline(image)[None])


def test_channels_layouts_and_dtypes(tmp_path: Path) -> None:
    image = photograph("chelsea.png")
    small = torch.from_numpy(np.asarray(image.resize((32, 24), Image.Resampling.BILINEAR)))
    planes = small.permute(2, 0, 1)
    unit = planes.float() / 255
    ports = {
        "bgr": port([1, 3, 24, 32], {"channels": "BGR", "mean": [0.1, 0.2, 0.3]}),
        "nhwc": port([1, 24, 32, 3], {}),
        "no batch": port([3, 24, 32], {}),
        "bytes": port([1, 24, 32, 3], {}, "uint8"),
        "half": port([1, 3, 24, 32], {"std": [0.5]}, "float16"),
        "brain": port([1, 3, 24, 32], {}, "bfloat16"),
        "double": port([1, 3, 24, 32], {"rescale": 1 / 255}, "float64"),
        "luma": port([1, 1, 24, 32], {}),
    }
    grey = np.asarray(image.convert("L").resize((32, 24), Image.Resampling.BILINEAR))
    less = torch.tensor([0.1, 0.2, 0.3])[:, None, None]
    expected = {
        "bgr": (unit.flip(0) - less)[None],
        "nhwc": unit.permute(1, 2, 0)[None],
        "no batch": unit,
        "bytes": small[None],
        "half": (unit / 0.5).half()[None].view(torch.uint16),
        "brain": unit.bfloat16()[None].view(torch.uint16),
        "double": planes.double()[None] * (1 / 255),
        "luma": torch.from_numpy(grey)[None, None].float() / 255,
    }
    jobs = [Job(given, [pixels(image)]) for given in ports.values()]
    for name, tensor in zip(ports, convert(tmp_path, "images", jobs), strict=True):
        assert torch.equal(tensor, expected[name].contiguous()), name


def test_a_list_is_a_batch_and_transparency_is_ignored(tmp_path: Path) -> None:
    images = [photograph(name).resize((40, 30)) for name in FILES[:3]]
    clear = images[1].copy()
    clear.putalpha(7)
    values = [pixels(images[0]), pixels(clear), pixels(images[2])]
    found = one(tmp_path, Job(port(["n", 3, 30, 40], {}, "uint8"), values, many=True))
    expected = np.stack([np.asarray(image) for image in images]).transpose(0, 3, 1, 2)
    assert np.array_equal(found.numpy(), expected)


HUGGING_FACE = {
    "vit": ("vit", "ViTImageProcessorPil", {}),
    "clip": ("clip", "CLIPImageProcessorPil", {}),
    "convnext": ("convnext", "ConvNextImageProcessorPil", {}),
    "large convnext": ("convnext", "ConvNextImageProcessorPil", {"size": {"shortest_edge": 384}}),
}


@pytest.mark.parametrize("name", HUGGING_FACE)
def test_hugging_face_processors_are_read_and_equalled(tmp_path: Path, name: str) -> None:
    """Their files as they write them; they calculate in other precision than torchvision."""
    import importlib

    family, cls, options = HUGGING_FACE[name]
    home = importlib.import_module(f"transformers.models.{family}.image_processing_pil_{family}")
    processor = getattr(home, cls)(**options)
    _, settings = offered.settings(processor.to_dict())
    images = [photograph(file) for file in FILES]
    given = port(["batch", 3, "height", "width"], settings)
    found = convert(tmp_path, "images", [Job(given, [pixels(image)]) for image in images])
    for image, tensor in zip(images, found, strict=True):
        expected = torch.as_tensor(processor(image, return_tensors="np")["pixel_values"])
        assert tensor.shape == expected.shape
        assert (tensor - expected).abs().max() < 1e-5, image.size


@pytest.mark.parametrize("name", ["resnet18", "vit_tiny_patch16_224", "mobilenetv3_small_050"])
def test_timm_configurations_are_read_and_equalled(tmp_path: Path, name: str) -> None:
    import timm
    from timm.data import create_transform, resolve_model_data_config

    model = timm.create_model(name, pretrained=False)
    config = resolve_model_data_config(model)
    transform = create_transform(**config, is_training=False)
    _, settings = offered.settings(model.pretrained_cfg)
    assert settings == offered.settings(transform)[1] | {
        "mean": settings["mean"],
        "std": settings["std"],
    }
    image = photograph("chelsea.png")
    found = one(tmp_path, Job(port([1, 3, 224, 224], settings), [pixels(image)]))
    assert (found - transform(image)[None]).abs().max() < 1e-6
