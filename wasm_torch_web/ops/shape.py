"""Joining, repeating, turning and cutting tensors: elements move, none is computed."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import axes, axis, cast
from wasm_torch_web.ops.samples import normal
from wasm_torch_web.ops.table import ALL, Case, integer, integers, lowers, row, tensor
from wasm_torch_web.strides import clamp_index, maximum

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

IN = tensor("self", ALL, "strided")
OUT = [tensor("output", ALL)]


def _cat_cases() -> Iterator[Case]:
    for dtype in ALL:
        parts = tuple(normal(2, n, 5, dtype=dtype, seed=n) for n in (3, 1, 0, 4))
        yield Case(parts, {"dim": 1})
    yield Case((normal(3), normal(1), normal(17)), {"dim": 0})
    yield Case((normal(4, 3, 5).permute(2, 0, 1), normal(5, 4, 15)[:, :, ::3]), {"dim": 2})
    yield Case((normal(1, 4).expand(3, 4), normal(2, 4)), {"dim": 0})
    yield Case((normal(0, 2), normal(0, 3)), {"dim": 1})


row(
    "cat",
    inputs=[tensor("tensors", ALL, "strided", variadic=True)],
    outputs=[tensor("output", ALL, "like")],
    attributes=[integer("dim")],
    reference=lambda *tensors, dim: torch.cat(tensors, dim),
    cases=_cat_cases,
)


@lowers("aten.cat.default")
def cat(b: Builder, a: dict[str, Any]) -> Value:
    """Inputs take their common dtype; PyTorch leaves out empty 1-d ones whatever the others are."""
    tensors: list[Value] = a["tensors"]
    tensors = [t for t in tensors if t.shape != (0,)] or tensors[:1]
    dtype = functools.reduce(torch.promote_types, [t.dtype for t in a["tensors"]])
    dim = axis(a["dim"], tensors[0].rank)
    result: Value = b.emit("cat", [cast(b, t, dtype) for t in tensors], {"dim": dim})
    return result


@lowers("aten.stack.default")
def stack(b: Builder, a: dict[str, Any]) -> Value:
    """The tensors along a new axis."""
    dim = a["dim"] % (a["tensors"][0].rank + 1)
    tensors = [b.emit("unsqueeze", [t], {"dim": dim}) for t in a["tensors"]]
    result: Value = b.call("aten.cat.default", tensors=tensors, dim=dim)
    return result


@lowers("aten.repeat.default")
def repeat(b: Builder, a: dict[str, Any]) -> Value:
    """A view with an axis of stride 0 before each repeated one; the reshape after it copies."""
    x, repeats = a["self"], a["repeats"]
    shape = (1,) * (len(repeats) - x.rank) + x.shape
    apart: list[Any] = []
    expanded: list[Any] = []
    for times, size in zip(repeats, shape, strict=True):
        apart += [size] if times == 1 else [1, size]
        expanded += [size] if times == 1 else [times, size]
    x = b.emit("expand", [b.emit("reshape", [x], {"size": apart})], {"size": expanded})
    size = [times * size for times, size in zip(repeats, shape, strict=True)]
    result: Value = b.emit("reshape", [x], {"size": size})
    return result


def _turn_cases(name: str, *choices: tuple[int, ...]) -> Iterator[Case]:
    for chosen in choices:
        yield Case((normal(4, 5, 17),), {name: chosen})
    for dtype in ALL:
        yield Case((normal(3, 4, 5, dtype=dtype).permute(1, 2, 0),), {name: choices[0]})
    yield Case((normal(2, 1, 15)[:, :, ::2],), {name: choices[-1]})
    yield Case((normal(0, 3, 2),), {name: choices[0]})


row(
    "flip",
    inputs=[IN],
    outputs=OUT,
    attributes=[integers("dims")],
    reference=lambda self, dims: self.flip(dims),
    cases=lambda: _turn_cases("dims", (2,), (0, 1), (0, 1, 2), ()),
)


@lowers("aten.flip.default")
def flip(b: Builder, a: dict[str, Any]) -> Value:
    """Elements in reverse order along the axes."""
    x = a["self"]
    dims = axes(a["dims"], x.rank) if a["dims"] else ()
    result: Value = b.emit("flip", [x], {"dims": dims})
    return result


row(
    "roll",
    inputs=[IN],
    outputs=OUT,
    attributes=[integers("shifts")],  # one for each axis
    reference=lambda self, shifts: torch.roll(self, shifts, tuple(range(self.dim()))),
    cases=lambda: _turn_cases("shifts", (0, 2, -3), (1, 0, 0), (-9, 33, 17), (0, 0, 0)),
)


@lowers("aten.roll.default")
def roll(b: Builder, a: dict[str, Any]) -> Value:
    """Elements moved around along the axes; without axes the tensor counts as one line."""
    x, dims = a["self"], a["dims"]
    line = x if dims else b.emit("reshape", [x], {"size": (-1,)})
    shifts = [0] * line.rank
    for dim, shift in zip(dims or (0,), a["shifts"], strict=True):
        shifts[axis(dim, line.rank)] += shift
    rolled: Value = b.emit("roll", [line], {"shifts": shifts})
    return rolled if dims else b.emit("reshape", [rolled], {"size": x.shape})


def _triangle_cases() -> Iterator[Case]:
    for diagonal in (0, 1, -2, 30, -30):
        yield Case((normal(3, 4, 5),), {"diagonal": diagonal})
    for dtype in ALL:
        yield Case((normal(17, 15, dtype=dtype).t(),), {"diagonal": 0})
    yield Case((normal(2, 0, 3),), {"diagonal": 0})


for _name, _function in (("tril", torch.tril), ("triu", torch.triu)):
    row(
        _name,
        inputs=[IN],
        outputs=OUT,
        attributes=[integer("diagonal", 0)],
        targets=[f"aten.{_name}.default"],
        reference=_function,
        inplace=0,
        cases=_triangle_cases,
    )


def _slice_scatter_cases() -> Iterator[Case]:
    def case(x: torch.Tensor, src: torch.Tensor, dim: int, start: int, end: int, step: int) -> Case:
        return Case((x, src), {"dim": dim, "start": start, "end": end, "step": step})

    for dtype in ALL:
        yield case(normal(4, 17, dtype=dtype), normal(4, 5, dtype=dtype, seed=1), 1, 2, 16, 3)
    yield case(normal(5, 3), normal(3, 2, seed=1).t(), 0, 3, 5, 1)
    yield case(normal(3, 5).t(), normal(1, 3, seed=1).expand(5, 3), 0, 0, 5, 1)
    yield case(normal(4, 3), normal(0, 3), 0, 2, 2, 1)


row(
    "slice_scatter",
    inputs=[IN, tensor("src", ALL, "strided")],
    outputs=OUT,
    # 0 <= start <= end <= the axis' size
    attributes=[integer("dim"), integer("start"), integer("end"), integer("step")],
    reference=torch.slice_scatter,
    inplace=0,
    cases=_slice_scatter_cases,
)


@lowers("aten.slice_scatter.default")
def slice_scatter(b: Builder, a: dict[str, Any]) -> Value:
    """The tensor with a slice replaced."""
    x = a["self"]
    dim = axis(a["dim"], x.rank)
    start = clamp_index(0 if a["start"] is None else a["start"], x.shape[dim])
    end = clamp_index(sys.maxsize if a["end"] is None else a["end"], x.shape[dim])
    bounds = {"dim": dim, "start": start, "end": maximum(end, start), "step": a["step"]}
    result: Value = b.emit("slice_scatter", [x, a["src"]], bounds)
    return result


@lowers("aten.select_scatter.default")
def select_scatter(b: Builder, a: dict[str, Any]) -> Value:
    """The tensor with one index of an axis replaced."""
    x = a["self"]
    dim = axis(a["dim"], x.rank)
    index = a["index"]
    if isinstance(index, int) and index < 0:
        index = index + x.shape[dim]
    src = b.emit("unsqueeze", [a["src"]], {"dim": dim})
    bounds = {"dim": dim, "start": index, "end": index + 1, "step": 1}
    result: Value = b.emit("slice_scatter", [x, src], bounds)
    return result


@lowers("aten.im2col.default")
def im2col(b: Builder, a: dict[str, Any]) -> Value:
    """Sliding windows (torch.nn.functional.unfold): views of the padded image, then one copy."""
    x = a["self"]
    high, wide = a["padding"]
    x = b.call("aten.constant_pad_nd.default", self=x, pad=(wide, wide, high, high), value=0)
    if x.rank == 3:
        x = b.emit("unsqueeze", [x], {"dim": 0})
    options = zip(a["kernel_size"], a["dilation"], a["stride"], strict=True)
    for dimension, (size, dilation, step) in zip((2, 3), options, strict=True):
        span = {"dimension": dimension, "size": dilation * (size - 1) + 1, "step": step}
        x = b.emit("unfold", [x], span)
        x = b.emit("slice", [x], {"dim": -1, "step": dilation})
    x = b.emit("permute", [x], {"dims": (0, 1, 4, 5, 2, 3)})
    n, channels, kh, kw, rows, columns = x.shape
    size = (channels * kh * kw, rows * columns)
    result: Value = b.emit("reshape", [x], {"size": size if a["self"].rank == 3 else (n, *size)})
    return result


def _triangle_indices(name: str) -> None:
    @lowers(f"aten.{name}.default")
    def lowering(b: Builder, a: dict[str, Any]) -> Value | None:
        """A constant, where the matrix' size does not depend on the inputs."""
        if not isinstance(a["row"], int) or not isinstance(a["col"], int):
            return None
        dtype = a["dtype"] if isinstance(a["dtype"], torch.dtype) else torch.int64
        return b.constant(getattr(torch, name)(a["row"], a["col"], a["offset"], dtype=dtype))


for _name in ("tril_indices", "triu_indices"):
    _triangle_indices(_name)
