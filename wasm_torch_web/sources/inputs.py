"""The text of `--input` in, an example tensor and the range of its random values out."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from wasm_torch_web import arrays
from wasm_torch_web.errors import UserError, summary
from wasm_torch_web.ops.table import DTYPES, dtype_name
from wasm_torch_web.sources.tensors import MAX_ELEMENTS

MAX_INTEGER = (1 << 53) - 1  # model.json states ranges, and JSON's numbers end there

_SPEC = re.compile(
    r"(?P<dtype>\w+)"
    r"(?:\[(?P<list>[\d\s,]*)\]|:(?P<product>\d+(?:x\d+)*)?)?"
    r"(?:\((?P<low>[^().]+(?:\.\d+)?)\.\.(?P<high>[^()]+)\))?",
    re.ASCII,
)
_NAMES = {dtype_name(dtype): dtype for dtype in DTYPES}


@dataclass(frozen=True)
class Input:
    """One `--input`: the example, and the range where one was given."""

    name: str
    tensor: torch.Tensor
    range: tuple[float, float] | None = None


def parse_input(spec: str) -> Input:
    """Reads `NAME=DTYPE:1x3x224x224`, `NAME=DTYPE[1,3,224,224](LO..HI)` or `NAME=@file.npy`.

    `NAME=DTYPE` is a tensor without axes. Random examples are always the same for the same spec:
    floats are normal (uniform with a range), integers are 0 or 1 without a range (uint8: any).
    Raises UserError input-spec.
    """
    name, separator, text = (part.strip() for part in spec.partition("="))
    if not separator or not name:
        raise UserError("input-spec", spec=spec, reason="it has no NAME=")
    if text.startswith("@"):
        return Input(name, _from_file(spec, Path(text[1:])))
    match = _SPEC.fullmatch(text)
    if match is None:
        raise UserError("input-spec", spec=spec, reason=f"{text!r} is not DTYPE:SHAPE")
    dtype = _NAMES.get(match["dtype"])
    if dtype is None:
        reason = f"unknown dtype {match['dtype']!r}; the dtypes are {', '.join(_NAMES)}"
        raise UserError("input-spec", spec=spec, reason=reason)
    sizes = _sizes(spec, match["list"], match["product"])
    bounds = _range(spec, dtype, match["low"], match["high"])
    return Input(name, _example(dtype, sizes, bounds), bounds)


def _sizes(spec: str, listed: str | None, product: str | None) -> list[int]:
    try:
        if listed is not None:
            sizes = [int(size) for size in listed.split(",")] if listed.strip() else []
        else:
            sizes = [int(size) for size in product.split("x")] if product else []
    except ValueError as error:
        raise UserError("input-spec", spec=spec, reason=f"[{listed}] is not a shape") from error
    if math.prod(sizes) > MAX_ELEMENTS:
        reason = f"more than {MAX_ELEMENTS:,} elements"
        raise UserError("input-spec", spec=spec, reason=reason)
    return sizes


def _range(
    spec: str, dtype: torch.dtype, low: str | None, high: str | None
) -> tuple[float, float] | None:
    if low is None or high is None:
        return None
    number = float if dtype.is_floating_point else int
    try:
        bounds = number(low), number(high)
    except ValueError as error:
        raise UserError("input-spec", spec=spec, reason=f"({low}..{high}) is no range") from error
    if dtype == torch.bool or dtype.is_complex:
        raise UserError("input-spec", spec=spec, reason=f"a range has no meaning for {dtype}")
    lowest, highest = _limits(dtype)
    if not lowest <= bounds[0] <= bounds[1] <= highest:
        reason = f"({low}..{high}) is empty or does not fit in {dtype}"
        raise UserError("input-spec", spec=spec, reason=reason)
    return bounds


def _limits(dtype: torch.dtype) -> tuple[float, float]:
    if dtype.is_floating_point:
        return torch.finfo(dtype).min, torch.finfo(dtype).max
    limits = torch.iinfo(dtype)
    return max(limits.min, -MAX_INTEGER), min(limits.max, MAX_INTEGER)


def _example(
    dtype: torch.dtype, sizes: list[int], bounds: tuple[float, float] | None
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    if dtype.is_complex:
        wide = torch.promote_types(dtype, torch.complex64)  # PyTorch draws no complex32
        return torch.randn(sizes, dtype=wide, generator=generator).to(dtype)
    if dtype.is_floating_point:
        if bounds is None:
            return torch.randn(sizes, generator=generator).to(dtype)
        spread = torch.rand(sizes, generator=generator, dtype=torch.float64)
        return (bounds[0] + (bounds[1] - bounds[0]) * spread).to(dtype)
    low, high = bounds or (0, 255 if dtype == torch.uint8 else 1)
    return torch.randint(int(low), int(high) + 1, sizes, generator=generator).to(dtype)


def _from_file(spec: str, path: Path) -> torch.Tensor:
    if not path.is_file():
        raise UserError("input-spec", spec=spec, reason=f"{path} does not exist")
    try:
        array = arrays.read(path)
        if isinstance(array, dict):
            raise ValueError("not one array")
        tensor = torch.from_numpy(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))))
    except (OSError, ValueError, TypeError) as error:
        raise UserError("input-spec", spec=spec, reason=f"{path}: {summary(error)}") from error
    if tensor.dtype not in DTYPES:
        raise UserError("input-spec", spec=spec, reason=f"{path}: dtype {tensor.dtype}")
    return tensor.reshape(array.shape)  # ascontiguousarray gives 0-d arrays an axis
