"""What a model's own code or folder says of its preprocessing in, settings out.

Known are torchvision's presets (`weights.transforms()`) and a `Compose` of its transforms, timm's
data configuration, Hugging Face's preprocessor_config.json, and the words of `--preprocess`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from wasm_torch_web.preprocess.spec import INTERPOLATIONS, Refused, parse

Settings = dict[str, Any]


def settings(offer: Any) -> tuple[str, Settings]:
    """The kind, and the settings as the manifest has them. Raises Refused."""
    if isinstance(offer, str):
        spec = parse(offer)
        return spec.kind, spec.settings
    if is_dataclass(offer) and not isinstance(offer, type):
        offer = asdict(offer)
    if isinstance(offer, Mapping):
        return _of_mapping(offer)
    if hasattr(offer, "transforms"):
        return "image", _of_transforms(offer.transforms)
    if hasattr(offer, "resize_size"):
        return "image", _of_preset(offer)
    raise Refused(f"a {type(offer).__name__} says nothing that is known of preprocessing")


def _of_mapping(offer: Mapping[str, Any]) -> tuple[str, Settings]:
    if "sampling_rate" in offer:
        return "audio", _of_feature_extractor(offer)
    if "image_processor_type" in offer or "do_resize" in offer:
        return "image", _of_image_processor(offer)
    if "input_size" in offer:
        return "image", _of_timm(offer)
    raise Refused(f"a dict of {', '.join(map(str, offer))} is nothing that is known")


# --- torchvision ---


def _of_preset(preset: Any) -> Settings:
    """ImageClassification, and SemanticSegmentation, which crops nothing."""
    found: Settings = {"resize": _edge(preset.resize_size)}
    if hasattr(preset, "crop_size"):
        found["crop"] = _extent(preset.crop_size)
    found |= {"mean": _floats(preset.mean), "std": _floats(preset.std)}
    return {**found, "interpolation": _interpolation(preset.interpolation), "rescale": 1 / 255}


# Class names of torchvision's and timm's transforms, in the order they must have.
_ORDER = ("Resize", "CenterCrop", "ToTensor", "Normalize")
_SAME = {
    "MaybeToTensor": "ToTensor",
    "PILToTensor": "Bytes",
    "MaybePILToTensor": "Bytes",
    "ToImage": "Bytes",
    "ConvertImageDtype": "ToTensor",
    "ToDtype": "ToTensor",
    "ToPureTensor": "Bytes",
}


def _of_transforms(transforms: Sequence[Any]) -> Settings:
    found: Settings = {"resize": None, "crop": None, "rescale": 1.0}
    steps: list[str] = []
    for transform in transforms:
        own = type(transform).__name__
        step = _SAME.get(own, own)
        if step == "Bytes":
            continue
        if step not in _ORDER or getattr(transform, "scale", True) is False:
            raise Refused(f"the transform {own} has no counterpart")
        steps.append(step)
        found |= _of_transform(step, transform)
    if steps != sorted(set(steps), key=_ORDER.index):
        raise Refused(f"transforms in the order {', '.join(steps)}")
    return found


def _of_transform(step: str, transform: Any) -> Settings:
    match step:
        case "Resize":
            if getattr(transform, "max_size", None) is not None:
                raise Refused("Resize with max_size has no counterpart")
            chosen = _interpolation(transform.interpolation)
            return {"resize": _edge(transform.size), "interpolation": chosen}
        case "CenterCrop":
            return {"crop": _extent(transform.size)}
        case "ToTensor":
            return {"rescale": 1 / 255}
        case _:
            return {"mean": _floats(transform.mean), "std": _floats(transform.std)}


def _edge(size: Any) -> list[int]:
    """A number is the shorter edge, and so is a list of one."""
    return [int(one) for one in size] if isinstance(size, Sequence) else [int(size)]


def _extent(size: Any) -> list[int]:
    """Height and width; one number is both."""
    return [*_edge(size), *_edge(size)][:2]


def _floats(values: Any) -> list[float]:
    """Of a list, a tensor or one number for all."""
    given = values.flatten().tolist() if hasattr(values, "flatten") else values
    return [float(one) for one in given] if isinstance(given, Sequence) else [float(given)]


def _interpolation(mode: Any) -> str:
    """Of torchvision's enumeration, or a name."""
    name = str(getattr(mode, "value", mode))
    if name not in INTERPOLATIONS:
        raise Refused(f"the interpolation {name} has no counterpart: {', '.join(INTERPOLATIONS)}")
    return name


# --- timm ---


def _of_timm(config: Mapping[str, Any]) -> Settings:
    """As timm's evaluation transforms read a data configuration."""
    _, height, width = config["input_size"]
    mode, part = config.get("crop_mode") or "center", config.get("crop_pct") or 0.875
    whole = [math.floor(size / part) for size in (height, width)]
    if mode not in ("center", "squash") or (mode == "center" and height != width):
        raise Refused(f"crop_mode {mode} of {height} x {width} has no counterpart")
    return {
        "resize": whole if mode == "squash" else whole[:1],
        "crop": [height, width],
        "interpolation": _interpolation(config.get("interpolation") or "bilinear"),
        "rescale": 1 / 255,
        "mean": _floats(config["mean"]),
        "std": _floats(config["std"]),
    }


# --- Hugging Face ---

_PIL = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}


def _of_image_processor(config: Mapping[str, Any]) -> Settings:
    """As the image processors of transformers read it."""
    for key in ("do_pad", "do_thumbnail", "do_align_long_axis", "do_image_splitting"):
        if config.get(key):
            raise Refused(f"{key} has no counterpart")
    code = config.get("resample", 2)
    found: Settings = {"interpolation": _interpolation(_PIL.get(code, code)), "center": "floor"}
    found |= _hugging_face_sizes(config)
    rescales = config.get("do_rescale", True)
    found["rescale"] = float(config.get("rescale_factor", 1 / 255)) if rescales else 1.0
    if config.get("do_normalize", "image_mean" in config):
        found |= {"mean": _floats(config["image_mean"]), "std": _floats(config["image_std"])}
    if config.get("do_flip_channel_order"):
        found["channels"] = "BGR"
    return found


def _hugging_face_sizes(config: Mapping[str, Any]) -> Settings:
    crops = bool(config.get("do_center_crop"))
    resize = _hugging_face_size(config["size"], crops) if config.get("do_resize", True) else None
    crop = _hugging_face_size(config["crop_size"], False) if crops else None
    if (part := config.get("crop_pct")) and resize is not None and len(resize) == 1:
        edge = resize[0]  # ConvNeXT's: small pictures are cropped, large ones stretched
        small = edge < 384
        resize = [int(edge / part)] if small else [edge, edge]
        crop = [edge, edge] if small else None
    return {"resize": resize, "crop": crop}


def _hugging_face_size(size: Any, shorter: bool) -> list[int]:
    """An edge or height and width; older files have one number, which is either."""
    if isinstance(size, int):
        return [size] if shorter else [size, size]
    if set(size) == {"shortest_edge"}:
        return [int(size["shortest_edge"])]
    if {"height", "width"} <= set(size):
        return [int(size["height"]), int(size["width"])]
    raise Refused(f"a size of {', '.join(map(str, size))} has no counterpart")


def _of_feature_extractor(config: Mapping[str, Any]) -> Settings:
    """Of samples: spectrograms are the model's business."""
    kind = config.get("feature_extractor_type", "Wav2Vec2FeatureExtractor")
    if kind != "Wav2Vec2FeatureExtractor":
        raise Refused(f"{kind} has no counterpart: only samples are prepared")
    found: Settings = {"rate": int(config["sampling_rate"])}
    return {**found, "normalize": True} if config.get("do_normalize") else found
