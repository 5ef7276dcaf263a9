"""Pictures in, what an input's `preprocess` makes of them out: what images.js does in a page.

Pillow reads files and resizes, one axis after the other, so that each of its versions gives the
same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy
from numpy.typing import NDArray

from wasm_torch_web.engine.records import NUMPY, bfloat16_bits
from wasm_torch_web.errors import UserError, summary

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif", ".tif", ".tiff")
Pixels = NDArray[numpy.uint8]  # (H, W, bands)


def read(path: Path) -> Image:
    """Turned as its EXIF says. Raises UserError pillow-missing, run-input."""
    try:
        from PIL import Image, ImageOps
    except ImportError as error:
        raise UserError("pillow-missing", path=path) from error
    try:
        with Image.open(path) as file:
            turned = ImageOps.exif_transpose(file)
            turned.load()
            return turned
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or f"no picture: {summary(error)}"
        raise UserError("run-input", path=path, reason=reason) from error


def are_pictures(value: Any) -> TypeGuard[Image | list[Image]]:
    """Whether it is one of Pillow's images, or a list of them."""
    module = sys.modules.get("PIL.Image")  # whoever has an image has imported it
    listed = value if isinstance(value, list) else [value]
    if module is None or not listed:
        return False
    return all(isinstance(one, module.Image) for one in listed)


def array_of(port: Mapping[str, Any], pictures: Sequence[Image]) -> NDArray[Any]:
    """A batch as long as the list; of one picture none, where the input has no axis for it.

    Raises UserError input-unreadable.
    """
    settings = port["preprocess"]
    framed = [_framed(picture, settings) for picture in pictures]
    sizes = {f"{one.shape[1]} x {one.shape[0]}": None for one in framed}
    if len(sizes) > 1:
        reason = f"the pictures of a batch become {' and '.join(sizes)}"
        allowed = "pictures of one size"
        raise UserError("input-unreadable", name=port["name"], reason=reason, allowed=allowed)
    pixels = numpy.stack(framed)
    if settings["channels"] == "BGR":
        pixels = pixels[..., ::-1]
    bands = numpy.arange(pixels.shape[-1])
    array = _tables(port["dtype"], settings, len(bands))[bands, pixels]
    if settings["layout"] == "NCHW":
        array = numpy.moveaxis(array, -1, 1)
    return array[0] if len(port["shape"]) == 3 and len(array) == 1 else array


def _framed(picture: Image, settings: Mapping[str, Any]) -> Pixels:
    """Resized and cropped as torchvision's Resize and CenterCrop do it, in bytes."""
    colours = _colours(picture)
    if settings["channels"] == "L":
        colours = colours.convert("L")
    width, height = _size(colours.size, settings.get("resize"))
    resized = _resampled(colours, width, height, settings["interpolation"])
    pixels = numpy.asarray(resized).reshape(height, width, -1)
    crop = settings.get("crop")
    return _cropped(pixels, (crop[0], crop[-1]), settings["center"]) if crop else pixels


def _colours(picture: Image) -> Image:
    """RGB: what is transparent has the colour that lies beneath."""
    from PIL import Image

    if picture.mode.startswith("I;16"):  # of which Pillow would keep what is below 256
        picture = Image.fromarray((numpy.asarray(picture) >> 8).astype(numpy.uint8))
    if picture.mode == "P":  # a palette may be transparent in parts
        picture = picture.convert("RGBA")
    return picture.convert("RGB")


def _size(size: tuple[int, int], to: Sequence[int] | None) -> tuple[int, int]:
    """Width and height; one number is the length of the shorter edge."""
    if to is None:
        return size
    if len(to) == 2:
        return to[1], to[0]
    longer = int(to[0] * max(size) / min(size))
    return (to[0], longer) if size[0] <= size[1] else (longer, to[0])


def _resampled(picture: Image, width: int, height: int, interpolation: str) -> Image:
    from PIL import Image

    mode = Image.Resampling[interpolation.upper()]
    # Pillow's own choice since version 13; before, rows always came first.
    shrinks = picture.height > height
    columns_first = shrinks and picture.height - height > 2 * (picture.width - width)
    half = (picture.width, height) if columns_first else (width, picture.height)
    return picture.resize(half, mode).resize((width, height), mode)


def _cropped(pixels: Pixels, crop: tuple[int, int], center: str) -> Pixels:
    """The middle; black around it where there is too little."""
    for axis, length in enumerate(crop):
        spare = pixels.shape[axis] - length
        if spare < 0:
            edges = [(0, 0)] * 3
            edges[axis] = (-spare // 2, -spare - -spare // 2)
            pixels = numpy.pad(pixels, edges)
        begin = 0 if spare < 0 else round(spare / 2) if center == "round" else spare // 2
        pixels = pixels[(slice(None),) * axis + (slice(begin, begin + length),)]
    return pixels


def _tables(dtype: str, settings: Mapping[str, Any], bands: int) -> NDArray[Any]:
    """What each byte becomes in each channel, rounded as PyTorch rounds after each step."""
    real = numpy.dtype("<f8" if dtype == "float64" else "<f4")
    values = (numpy.arange(256) * settings["rescale"]).astype(real)
    mean, std = (
        numpy.broadcast_to(numpy.asarray(settings[key], real), bands)[:, None]
        for key in ("mean", "std")
    )
    table = (values - mean) / std
    return bfloat16_bits(table) if dtype == "bfloat16" else table.astype(NUMPY[dtype])
