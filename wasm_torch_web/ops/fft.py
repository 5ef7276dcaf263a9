"""Discrete Fourier transforms along one axis; several axes are several nodes.

Complex tensors are their parts here: a last axis of 2. Any length goes: the kernel takes factors of
4, 2, 3, 5 and up to 31 one by one, others through a convolution (Bluestein's).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.complex import joined, parts
from wasm_torch_web.ops.samples import normal
from wasm_torch_web.ops.table import (
    Case,
    enum,
    flag,
    integer,
    lowers,
    row,
    tensor,
)
from wasm_torch_web.strides import floor_divide

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

FLOATS = (torch.float32, torch.float64)
NORMS = ("none", "root", "size")  # PyTorch's numbers 0, 1, 2: by what the result is divided
LENGTHS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 22, 30, 31, 37, 64, 74, 100, 143, 400)


def _complex(x: torch.Tensor) -> torch.Tensor:
    return torch.view_as_complex(x.contiguous())


def _c2c(x: torch.Tensor, dim: int, norm: str, forward: bool) -> torch.Tensor:
    result = torch.ops.aten._fft_c2c(_complex(x), [dim], NORMS.index(norm), forward)
    return torch.view_as_real(result).contiguous()


def _r2c(x: torch.Tensor, dim: int, norm: str, onesided: bool) -> torch.Tensor:
    result = torch.ops.aten._fft_r2c(x, [dim], NORMS.index(norm), onesided)
    return torch.view_as_real(result.resolve_conj()).contiguous()


def _c2r(x: torch.Tensor, dim: int, norm: str, size: int) -> torch.Tensor:
    result: torch.Tensor = torch.ops.aten._fft_c2r(_complex(x), [dim], NORMS.index(norm), size)
    return result.contiguous()


def _shapes() -> Iterator[tuple[tuple[int, ...], int]]:
    """(shape, axis): every length, then other axes and many lines; PyTorch's fails for none."""
    for n in LENGTHS:
        yield (3, n), 1
    yield (5, 12, 6), 1
    yield (9, 2, 7), 0
    yield (10,), 0
    yield (70, 256), 1


def _pairs(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return normal(*shape, 2, dtype=dtype)


def _c2c_cases() -> Iterator[Case]:
    for index, (shape, dim) in enumerate(_shapes()):
        way = {"norm": NORMS[index % 3], "forward": index % 2 == 0}
        yield Case((_pairs(*shape),), {"dim": dim, **way})
    for n in (12, 37, 1009):
        x = _pairs(4, n, dtype=torch.float64)
        yield Case((x,), {"dim": 1, "norm": "root", "forward": False}, tolerance=1e-11, why="f64")
    strided = _pairs(6, 5, 8).permute(2, 0, 1, 3)[:, ::2]
    yield Case((strided,), {"dim": 0, "norm": "none", "forward": True})
    yield Case((_pairs(3, 1000),), {"dim": 1, "norm": "size", "forward": True})


def _r2c_cases() -> Iterator[Case]:
    for index, (shape, dim) in enumerate(_shapes()):
        way = {"norm": NORMS[index % 3], "onesided": index % 2 == 0}
        yield Case((normal(*shape),), {"dim": dim, **way})
        yield Case((normal(*shape),), {"dim": dim, **way, "onesided": index % 2 == 1})
    x = normal(6, 30, dtype=torch.float64)
    yield Case((x,), {"dim": 1, "norm": "none", "onesided": True}, tolerance=1e-11, why="f64")
    frames = normal(500).unfold(0, 64, 16)
    yield Case((frames,), {"dim": 1, "norm": "none", "onesided": True})
    yield Case((normal(5, 9, 4).permute(2, 0, 1),), {"dim": 1, "norm": "none", "onesided": False})


def _c2r_cases() -> Iterator[Case]:
    for index, (shape, dim) in enumerate(_shapes()):
        half = list(shape)
        half[dim] = shape[dim] // 2 + 1
        attributes = {"dim": dim, "norm": NORMS[index % 3], "size": shape[dim]}
        yield Case((_pairs(*half),), attributes)
    x = _pairs(6, 16, dtype=torch.float64)
    yield Case((x,), {"dim": 1, "norm": "size", "size": 30}, tolerance=1e-11, why="f64")
    yield Case((_pairs(6, 5, 4).transpose(0, 1),), {"dim": 1, "norm": "none", "size": 11})


# attributes: dim counted from 0
row(
    "fft_c2c",
    inputs=[tensor("self", FLOATS, "rows")],
    outputs=[tensor("output", FLOATS)],
    attributes=[integer("dim"), enum("norm", *NORMS), flag("forward")],
    reference=_c2c,
    cases=_c2c_cases,
)
row(
    "fft_r2c",
    inputs=[tensor("self", FLOATS, "strided")],
    outputs=[tensor("output", FLOATS)],
    attributes=[integer("dim"), enum("norm", *NORMS), flag("onesided")],
    reference=_r2c,
    cases=_r2c_cases,
)
# (..., size // 2 + 1, ..., 2) to (..., size, ...)
row(
    "fft_c2r",
    inputs=[tensor("self", FLOATS, "rows")],
    outputs=[tensor("output", FLOATS)],
    attributes=[integer("dim"), enum("norm", *NORMS), integer("size")],
    reference=_c2r,
    cases=_c2r_cases,
)


def _transform(
    b: Builder, pairs: Value, dims: list[int], a: dict[str, Any], forward: bool
) -> Value:
    for dim in dims:
        attributes = {"dim": dim, "norm": NORMS[a["normalization"]], "forward": forward}
        pairs = b.emit("fft_c2c", [pairs], attributes)
    return pairs


def _dims(a: dict[str, Any]) -> list[int]:
    rank = a["self"].rank
    return [d % rank for d in a["dim"]]


@lowers("aten._fft_c2c.default")
def fft_c2c(b: Builder, a: dict[str, Any]) -> Value:
    """Complex to complex, the last axis first: there lines are dense."""
    pairs = parts(b, a["self"])
    return joined(b, _transform(b, pairs, _dims(a)[::-1], a, a["forward"]))


@lowers("aten._fft_r2c.default")
def fft_r2c(b: Builder, a: dict[str, Any]) -> Value:
    """Real to complex along the last of the axes, complex to complex along the others."""
    *others, last = _dims(a)
    norm = NORMS[a["normalization"]]
    attributes = {"dim": last, "norm": norm, "onesided": a["onesided"]}
    pairs = b.emit("fft_r2c", [a["self"]], attributes)
    return joined(b, _transform(b, pairs, others[::-1], a, True))


@lowers("aten._fft_c2r.default")
def fft_c2r(b: Builder, a: dict[str, Any]) -> Value:
    """Backwards: complex to complex along the other axes, to real along the last of them."""
    *others, last = _dims(a)
    size = a["last_dim_size"]
    half = {"dim": last, "start": 0, "end": floor_divide(size, 2) + 1, "step": 1}
    pairs = b.emit("slice", [parts(b, a["self"])], half)
    pairs = _transform(b, pairs, others, a, False)
    attributes = {"dim": last, "norm": NORMS[a["normalization"]], "size": size}
    result: Value = b.emit("fft_c2r", [pairs], attributes)
    return result
