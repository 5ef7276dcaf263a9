"""Resizing of images: nearest, bilinear, bicubic, with and without antialiasing; 1-D as 2-D."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._sympy.functions import ToFloat, TruncToInt

from wasm_torch_web.ops.arguments import in_float32
from wasm_torch_web.ops.samples import normal
from wasm_torch_web.ops.table import ALL, Case, flag, integers, lowers, reals, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

aten = torch.ops.aten
SMOOTH = (torch.float32, torch.float64, torch.uint8)
NO_SCALES = (0.0, 0.0)
NEAREST, BILINEAR, BICUBIC = (f"upsample_{kind}2d" for kind in ("nearest", "bilinear", "bicubic"))


def _nearest(
    x: torch.Tensor, output_size: Sequence[int], scales: Sequence[float], exact: bool
) -> torch.Tensor:
    function = aten._upsample_nearest_exact2d if exact else aten.upsample_nearest2d
    # PyTorch has no kernel for most integers; bytes move as they are.
    values = x if x.dtype.is_floating_point else x.double()
    result: torch.Tensor = function(values, output_size, *(s or None for s in scales))
    return result.to(x.dtype)


def _smooth(plain: Any, antialiased: Any) -> Callable[..., torch.Tensor]:
    def reference(
        x: torch.Tensor,
        output_size: Sequence[int],
        scales: Sequence[float],
        align_corners: bool,
        antialias: bool,
    ) -> torch.Tensor:
        function = antialiased if antialias else plain
        result: torch.Tensor = function(x, output_size, align_corners, *(s or None for s in scales))
        return result

    return reference


SIZES = ((10, 14), (5, 7), (3, 11), (20, 4), (1, 1), (7, 7))


def _nearest_cases() -> Iterator[Case]:
    for exact in (False, True):
        for dtype in ALL:
            x = normal(2, 5, 5, 7, dtype=dtype)
            yield Case((x,), {"output_size": (8, 9), "scales": NO_SCALES, "exact": exact})
        for size in SIZES:
            attributes = {"output_size": size, "scales": NO_SCALES, "exact": exact}
            yield from (Case((normal(1, c, 5, 7),), attributes) for c in (1, 16, 19))
        scaled = {"output_size": (7, 17), "scales": (1.5, 2.5), "exact": exact}
        yield Case((normal(1, 3, 5, 7),), scaled)
        yield Case((normal(0, 3, 5, 7),), scaled)


def _pixels(*shape: int) -> torch.Tensor:
    """Images of bytes, black and white ones among them."""
    return (normal(*shape) * 90 + 128).clamp(0, 255).to(torch.uint8)


def _smooth_cases() -> Iterator[Case]:
    for antialias in (False, True):
        for align_corners in (False, True):
            flags = {"align_corners": align_corners, "antialias": antialias}
            for size in SIZES:
                attributes = {"output_size": size, "scales": NO_SCALES, **flags}
                yield from (Case((normal(1, c, 5, 7),), attributes) for c in (1, 16, 19))
                yield Case((normal(2, 3, 5, 7, dtype=torch.float64),), attributes)
                # PyTorch fails on three channels of one pixel.
                three = () if size == (1, 1) else (3,)
                yield from (Case((_pixels(2, c, 5, 7),), attributes) for c in (*three, 5))
        flags = {"align_corners": False, "antialias": antialias}
        scaled = {"output_size": (7, 17), "scales": (1.5, 2.5), **flags}
        yield Case((normal(2, 3, 5, 7),), scaled)
        yield Case((normal(0, 3, 5, 7),), scaled)
        # Positions of far pixels: what float32 makes of them counts.
        far = {"output_size": (3, 2050), "scales": NO_SCALES, **flags}
        yield Case((normal(1, 2, 4, 1537),), far)
        yield Case((_pixels(1, 2, 4, 1537),), {**far, "output_size": (3, 150)})


PLACE = (integers("output_size"), reals("scales", NO_SCALES))  # 0: from the sizes

row(
    NEAREST,
    inputs=[tensor("input", ALL, "channels_last")],
    outputs=[tensor("output", ALL, "channels_last")],
    attributes=[*PLACE, flag("exact", False)],
    reference=_nearest,
    cases=_nearest_cases,
)

for _name in (BILINEAR, BICUBIC):
    row(
        _name,
        inputs=[tensor("input", SMOOTH, "channels_last")],
        outputs=[tensor("output", SMOOTH, "channels_last")],
        attributes=[*PLACE, flag("align_corners", False), flag("antialias", False)],
        reference=_smooth(getattr(aten, _name), getattr(aten, f"_{_name}_aa")),
        cases=_smooth_cases,
    )


def _scaled(size: Any, scale: float) -> Any:
    """The size that PyTorch gives an axis that is scaled: the product, cut to an integer."""
    if scale == int(scale):
        return size * int(scale)
    return int(size * scale) if isinstance(size, int) else TruncToInt(scale * ToFloat(size))


def _place(x: Value, a: dict[str, Any]) -> tuple[tuple[Any, ...], tuple[float, ...]]:
    """Output size and scales of the resized axes, from either form of the overload."""
    if "scale_factors" in a:
        scales = tuple(a["scale_factors"] or ())
    elif "scales" in a:
        scales = (a["scales"],)
    else:
        scales = (a["scales_h"], a["scales_w"])
    given = a["output_size"]
    axes = x.shape[2:]
    size = given or [_scaled(n, s) for n, s in zip(axes, scales, strict=True)]
    scales = tuple(0.0 if s is None else float(s) for s in scales) or (0.0,) * len(axes)
    return tuple(size), scales


def _resize(b: Builder, name: str, a: dict[str, Any], **flags: bool) -> Value | None:
    x = a["input"] if "input" in a else a["self"]
    size, scales = _place(x, a)
    if name != NEAREST:
        if x.dtype not in SMOOTH:
            return None
        flags["align_corners"] = a["align_corners"]
    image = x
    if x.rank == 3:
        image = b.call("aten.unsqueeze.default", self=x, dim=2)
        size, scales = (1, *size), (0.0, *scales)
    result: Value = b.emit(name, [image], {"output_size": size, "scales": scales, **flags})
    return b.call("aten.squeeze.dims", self=result, dim=(2,)) if x.rank == 3 else result


def _lower_as(name: str, *operators: str, **flags: bool) -> None:
    """Both overloads of these aten operators are row `name` with these flags."""

    def resize(b: Builder, a: dict[str, Any]) -> Value | None:
        return _resize(b, name, a, **flags)

    targets = [f"aten.{operator}.{form}" for operator in operators for form in ("default", "vec")]
    lowers(*targets)(resize if name == NEAREST else in_float32(resize))


_lower_as(NEAREST, "upsample_nearest2d", "upsample_nearest1d", exact=False)
_lower_as(NEAREST, "_upsample_nearest_exact2d", "_upsample_nearest_exact1d", exact=True)
_lower_as(BILINEAR, "upsample_bilinear2d", "upsample_linear1d", antialias=False)
_lower_as(BILINEAR, "_upsample_bilinear2d_aa", antialias=True)
_lower_as(BICUBIC, "upsample_bicubic2d", antialias=False)
_lower_as(BICUBIC, "_upsample_bicubic2d_aa", antialias=True)
