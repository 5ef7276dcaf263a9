"""An input's port and settings for pictures in, its checked entry of the manifest out."""

from __future__ import annotations

from typing import Any

from wasm_torch_web.preprocess.spec import Refused

DTYPES = ("float32", "float64", "float16", "bfloat16", "uint8")
BANDS = {"RGB": 3, "BGR": 3, "L": 1}
BY_BANDS: dict[int | None, str] = {3: "RGB", 1: "L"}


def entry(port: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """What is left open follows from the port: pictures are stretched to its height and width, and
    their bytes become 0 to 1 (of uint8: stay). Raises Refused."""
    dtype, shape, name = port["dtype"], port["shape"], port["name"]
    if dtype not in DTYPES or len(shape) not in (3, 4):
        raise Refused(
            f"{name} is {dtype} {shape}; pictures become {', '.join(DTYPES)} of 3 or 4 axes"
        )
    layout = settings.get("layout") or _layout(shape)
    bands, height, width = _axes(shape, layout)
    channels = settings.get("channels") or BY_BANDS.get(bands)
    if channels is None or bands not in (BANDS[channels], None):
        raise Refused(
            f"{name} is {shape}, which as {layout} is not {channels or 'of 1 or 3 channels'}"
        )
    resize, crop = _geometry(settings, height, width)
    _check_size(name, (height, width), resize, crop)
    found = {
        "kind": "image",
        "channels": channels,
        "layout": layout,
        **({"resize": resize} if resize else {}),
        "interpolation": settings.get("interpolation", "bilinear"),
        **({"crop": crop} if crop else {}),
        "center": settings.get("center", "round"),
        "rescale": settings.get("rescale", 1 if dtype == "uint8" else 1 / 255),
        "mean": settings.get("mean", [0]),
        "std": settings.get("std", [1]),
    }
    _check_numbers(name, dtype, found)
    return found


def _layout(shape: list[Any]) -> str:
    return "NHWC" if shape[-3] not in BY_BANDS and shape[-1] in BY_BANDS else "NCHW"


def _axes(shape: list[Any], layout: str) -> tuple[int | None, int | None, int | None]:
    """Channels, height and width; None for a dynamic size."""
    sizes = [size if isinstance(size, int) else None for size in shape[-3:]]
    first, second, third = sizes
    return (first, second, third) if layout == "NCHW" else (third, first, second)


def _geometry(
    settings: dict[str, Any], height: int | None, width: int | None
) -> tuple[list[int] | None, list[int] | None]:
    named = "resize" in settings or "crop" in settings
    if named or height is None or width is None:
        return settings.get("resize"), settings.get("crop")
    return [height, width], None


def _check_size(name: str, wanted: tuple[int | None, int | None], resize: Any, crop: Any) -> None:
    """That every picture comes out at the size that the input has."""
    whole = [*crop, *crop][:2] if crop else resize if resize and len(resize) == 2 else None
    if whole is None:
        if None not in wanted:
            reason = f"pictures keep their proportions, but {name} has a fixed size"
            raise Refused(f"{reason}: {_size(wanted)}; add crop={_size(wanted)}")
        return
    if any(size not in (None, made) for size, made in zip(wanted, whole, strict=True)):
        raise Refused(f"pictures become {_size(whole)}, but {name} takes {_size(wanted)}")


def _size(sizes: Any) -> str:
    return "x".join("?" if size is None else str(size) for size in sizes)


def _check_numbers(name: str, dtype: str, found: dict[str, Any]) -> None:
    bands = BANDS[found["channels"]]
    for key in ("mean", "std"):
        if len(found[key]) not in (1, bands):
            raise Refused(f"{key} has {len(found[key])} numbers for {bands} channel(s)")
    if 0 in found["std"]:
        raise Refused("std is 0")
    plain = found["rescale"] == 1 and not any(found["mean"]) and set(found["std"]) == {1}
    if dtype == "uint8" and not plain:
        raise Refused(f"{name} is uint8: bytes stay as they are")
