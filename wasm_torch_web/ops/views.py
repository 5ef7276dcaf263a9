"""Views: other shapes and strides of the same memory. No kernel; `view` says where elements lie.

`view` gets the shape, strides and offset of the input and the row's attributes, all of them
numbers or expressions of sizes.
"""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import torch
from torch.fx.experimental.symbolic_shapes import statically_known_true

from wasm_torch_web.ops.table import (
    ALL,
    COMPLEX,
    Case,
    always,
    integer,
    integers,
    lowers,
    row,
    tensor,
)
from wasm_torch_web.strides import (
    Place,
    Size,
    Sizes,
    clamp_index,
    contiguous_strides,
    equal,
    floor_divide,
    maximum,
    minimum,
    resolve_size,
    view_strides,
)

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

IN = (tensor("self", ALL + COMPLEX, "strided"),)
OUT = (tensor("out", ALL + COMPLEX, "strided"),)


def _arange(*shape: int) -> torch.Tensor:
    return torch.arange(float(torch.Size(shape).numel())).reshape(shape)


def _cases(shape: tuple[int, ...], *attributes: dict[str, Any]) -> list[Case]:
    return [Case((_arange(*shape),), chosen) for chosen in attributes]


def _replace(sizes: Sizes, axis: int, *new: Size) -> Sizes:
    return (*sizes[:axis], *new, *sizes[axis + 1 :])


def _view_reshape(shape: Sizes, strides: Sizes, offset: Size, *, size: Sizes) -> Place | None:
    size = resolve_size(shape, size)
    steps = view_strides(shape, strides, size)
    return None if steps is None else (size, steps, offset)


row(
    "reshape",
    inputs=IN,
    outputs=OUT,
    attributes=(integers("size"),),
    targets=("aten.view.default", "aten._unsafe_view.default"),
    reference=lambda self, size: self.reshape(size),
    identity=always,
    view=_view_reshape,
    cases=lambda: [
        *_cases((4, 6), {"size": (2, -1, 3)}, {"size": (24,)}, {"size": (4, 1, 6)}),
        Case((_arange(4, 6).t(),), {"size": (3, 2, 4)}),
        Case((_arange(4, 6).t(),), {"size": (24,)}),
        *_cases((0, 3), {"size": (3, 0)}),
        *_cases((1,), {"size": ()}),
    ],
)


@lowers("aten.reshape.default")
def reshape(b: Builder, a: dict[str, Any]) -> Any:
    """Where the strides allow no view, the layout pass makes the input dense first."""
    return b.emit("reshape", [a["self"]], {"size": tuple(a["shape"])})


def _view_permute(shape: Sizes, strides: Sizes, offset: Size, *, dims: tuple[int, ...]) -> Place:
    return tuple(shape[d] for d in dims), tuple(strides[d] for d in dims), offset


row(
    "permute",
    inputs=IN,
    outputs=OUT,
    attributes=(integers("dims"),),
    targets=("aten.permute.default",),
    reference=lambda self, dims: self.permute(dims),
    identity=lambda dims: list(dims) == list(range(len(dims))),
    view=_view_permute,
    cases=lambda: _cases((2, 3, 4), {"dims": (2, 0, 1)}, {"dims": (0, -1, 1)}),
)


def _view_expand(shape: Sizes, strides: Sizes, offset: Size, *, size: Sizes) -> Place:
    new = len(size) - len(shape)
    result, steps = list(size[:new]), [0] * new
    for old, step, wanted in zip(shape, strides, size[new:], strict=True):
        keep = equal(wanted, -1) or equal(wanted, old)
        result.append(old if keep else wanted)
        steps.append(step if keep or old != 1 else 0)
    return tuple(result), tuple(steps), offset


row(
    "expand",
    inputs=IN,
    outputs=OUT,
    attributes=(integers("size"),),
    targets=("aten.expand.default",),
    reference=lambda self, size: self.expand(size),
    identity=always,
    view=_view_expand,
    cases=lambda: _cases((3, 1), {"size": (3, 5)}, {"size": (2, -1, 4)}, {"size": (3, 0)}),
)


def _view_slice(
    shape: Sizes, strides: Sizes, offset: Size, *, dim: int, start: Size, end: Size, step: int
) -> Place:
    axis = dim % len(shape)
    first = clamp_index(start, shape[axis])
    count = maximum(clamp_index(end, shape[axis]) - first, 0)
    length = floor_divide(count + step - 1, step)
    return (
        _replace(shape, axis, length),
        _replace(strides, axis, strides[axis] * step),
        offset + first * strides[axis],
    )


row(
    "slice",
    inputs=IN,
    outputs=OUT,
    attributes=(
        integer("dim"),
        integer("start", 0),
        integer("end", sys.maxsize),
        integer("step", 1),
    ),
    reference=lambda self, dim, start, end, step: torch.ops.aten.slice.Tensor(
        self, dim, start, end, step
    ),
    view=_view_slice,
    cases=lambda: _cases(
        (4, 7),
        {"dim": 1, "start": 1, "end": -1, "step": 2},
        {"dim": -1, "start": -3, "end": sys.maxsize, "step": 1},
        {"dim": 1, "start": -30, "end": 30, "step": 3},
        {"dim": 1, "start": 5, "end": 2, "step": 1},
        {"dim": 0, "start": 9, "end": 12, "step": 1},
    ),
)


@lowers("aten.slice.Tensor")
def slice_(b: Builder, a: dict[str, Any]) -> Any:
    """Missing bounds are the whole axis. PyTorch has a name of its own for a size that follows
    from bounds that the data decides."""
    x, axis = a["self"], a["dim"] % a["self"].rank
    start = 0 if a["start"] is None else a["start"]
    end = sys.maxsize if a["end"] is None else a["end"]
    bounds = {"dim": axis, "start": start, "end": end, "step": a["step"]}
    if b.expected is None or not b.is_decided(bounds):
        return b.emit("slice", [x], bounds)
    length = b.expected.shape[axis]
    if b.is_new(length):
        known = _view_slice(x.shape, x.shape, 0, **bounds)[0][axis]
        b.decide(b.emit("copy", [b.scalar(known, torch.int64)]), length, x.shape[axis])
    return b.part(x, b.expression(length), bounds)


@lowers("aten.split_with_sizes.default")
def split_with_sizes(b: Builder, a: dict[str, Any]) -> Any:
    """One slice for each size."""
    pieces, start = [], 0
    for size in a["split_sizes"]:
        bounds = {"dim": a["dim"], "start": start, "end": start + size, "step": 1}
        pieces.append(b.emit("slice", [a["self"]], bounds))
        start = start + size
    return tuple(pieces)


def _view_select(shape: Sizes, strides: Sizes, offset: Size, *, dim: int, index: Size) -> Place:
    axis = dim % len(shape)
    wrapped = index + shape[axis] if isinstance(index, int) and index < 0 else index
    return _replace(shape, axis), _replace(strides, axis), offset + wrapped * strides[axis]


row(
    "select",
    inputs=IN,
    outputs=OUT,
    attributes=(integer("dim"), integer("index")),
    reference=lambda self, dim, index: self.select(dim, index),
    view=_view_select,
    cases=lambda: _cases((4, 7), {"dim": 1, "index": -1}, {"dim": -2, "index": 2}),
)


@lowers("aten.select.int")
def select(b: Builder, a: dict[str, Any]) -> Any:
    """A view; where the data decides the index, the run looks it up and checks its range."""
    if not b.is_decided(a["index"]):
        return b.emit("select", [a["self"]], {"dim": a["dim"], "index": a["index"]})
    index = b.scalar(a["index"], torch.int64)
    return b.emit("index", [a["self"], index], {"axes": (a["dim"] % a["self"].rank,)})


def _view_squeeze(shape: Sizes, strides: Sizes, offset: Size, *, dim: tuple[int, ...]) -> Place:
    gone = {d % max(len(shape), 1) for d in dim}
    keep = [i for i, size in enumerate(shape) if i not in gone or size != 1]
    return tuple(shape[i] for i in keep), tuple(strides[i] for i in keep), offset


row(
    "squeeze",
    inputs=IN,
    outputs=OUT,
    attributes=(integers("dim"),),
    targets=("aten.squeeze.dims",),
    reference=lambda self, dim: self.squeeze(dim),
    view=_view_squeeze,
    cases=lambda: [
        *_cases((3, 1, 4, 1), {"dim": (1, -1)}, {"dim": (0, 1)}, {"dim": ()}),
        *_cases((), {"dim": (0,)}),
    ],
)


def _view_unsqueeze(shape: Sizes, strides: Sizes, offset: Size, *, dim: int) -> Place:
    axis = dim % (len(shape) + 1)
    step = shape[axis] * strides[axis] if axis < len(shape) else 1
    return (*shape[:axis], 1, *shape[axis:]), (*strides[:axis], step, *strides[axis:]), offset


row(
    "unsqueeze",
    inputs=IN,
    outputs=OUT,
    attributes=(integer("dim"),),
    targets=("aten.unsqueeze.default",),
    reference=lambda self, dim: self.unsqueeze(dim),
    view=_view_unsqueeze,
    cases=lambda: [*_cases((3, 4), {"dim": 0}, {"dim": -1}, {"dim": -2}), *_cases((), {"dim": 0})],
)


def _view_diagonal(
    shape: Sizes, strides: Sizes, offset: Size, *, diagonal: int, dim1: int, dim2: int
) -> Place:
    rank = len(shape)
    a, b = dim1 % rank, dim2 % rank
    first = -diagonal * strides[a] if diagonal < 0 else diagonal * strides[b]
    rows, columns = shape[a] + min(diagonal, 0), shape[b] - max(diagonal, 0)
    keep = [i for i in range(rank) if i not in (a, b)]
    return (
        (*(shape[i] for i in keep), maximum(minimum(rows, columns), 0)),
        (*(strides[i] for i in keep), strides[a] + strides[b]),
        offset + first,
    )


row(
    "diagonal",
    inputs=IN,
    outputs=OUT,
    attributes=(integer("diagonal", 0), integer("dim1", 0), integer("dim2", 1)),
    reference=lambda self, diagonal, dim1, dim2: self.diagonal(diagonal, dim1, dim2),
    view=_view_diagonal,
    cases=lambda: _cases(
        (4, 5, 3),
        {"diagonal": 0, "dim1": 0, "dim2": 1},
        {"diagonal": 2, "dim1": 0, "dim2": -1},
        {"diagonal": -1, "dim1": 2, "dim2": 1},
    ),
)


@lowers("aten.diagonal.default")
def diagonal(b: Builder, a: dict[str, Any]) -> Any:
    """`offset` is the memory's elsewhere in this file, so the row says `diagonal`."""
    axes = {"diagonal": a["offset"], "dim1": a["dim1"], "dim2": a["dim2"]}
    return b.emit("diagonal", [a["self"]], axes)


def _view_unfold(
    shape: Sizes, strides: Sizes, offset: Size, *, dimension: int, size: Size, step: int
) -> Place:
    if not shape:
        return (size,), (1,), offset
    axis = dimension % len(shape)
    windows = floor_divide(shape[axis] - size, step) + 1
    return (
        (*_replace(shape, axis, windows), size),
        (*_replace(strides, axis, strides[axis] * step), strides[axis]),
        offset,
    )


row(
    "unfold",
    inputs=IN,
    outputs=OUT,
    attributes=(integer("dimension"), integer("size"), integer("step")),
    targets=("aten.unfold.default",),
    reference=lambda self, dimension, size, step: self.unfold(dimension, size, step),
    view=_view_unfold,
    cases=lambda: _cases(
        (4, 7), {"dimension": 1, "size": 3, "step": 2}, {"dimension": 0, "size": 4, "step": 1}
    ),
)


def _view_as_strided(
    shape: Sizes, strides: Sizes, offset: Size, *, size: Sizes, stride: Sizes, storage_offset: Size
) -> Place | None:
    """Of a dense input: the layout pass makes a copy of any other."""
    axes = zip(shape, strides, contiguous_strides(shape), strict=True)
    dense = all(equal(n, 1) or equal(step, wanted) for n, step, wanted in axes)
    return (tuple(size), tuple(stride), offset + storage_offset) if dense else None


row(
    "as_strided",
    inputs=IN,
    outputs=OUT,
    attributes=(integers("size"), integers("stride"), integer("storage_offset", 0)),
    reference=lambda self, size, stride, storage_offset: self.contiguous().as_strided(
        size, stride, storage_offset
    ),
    view=_view_as_strided,
    cases=lambda: [
        *_cases(
            (4, 6),
            {"size": (3, 2), "stride": (2, 5), "storage_offset": 3},
            {"size": (4, 3, 3), "stride": (6, 1, 1), "storage_offset": 1},
            {"size": (), "stride": (), "storage_offset": 7},
            {"size": (2, 5), "stride": (1, 0)},
            {"size": (0, 3), "stride": (3, 1)},
        ),
        Case((_arange(4, 6).t(),), {"size": (5, 3), "stride": (4, 1), "storage_offset": 2}),
    ],
)


@lowers("aten.as_strided.default", "aten.as_strided_copy.default")
def as_strided(b: Builder, a: dict[str, Any]) -> Any:
    """Of a tensor that fills its memory: what else lies there is not known here."""
    x, offset = a["self"], a["storage_offset"] or 0
    if not fills_memory(x):
        return None
    place = {"size": a["size"], "stride": a["stride"], "storage_offset": offset}
    return b.emit("as_strided", [x], place)


@lowers("aten.resize.default")
def resize(b: Builder, a: dict[str, Any]) -> Any:
    """The first elements in another shape; memory that is new would have no defined contents."""
    x, size = a["self"], tuple(a["size"])
    known = all(isinstance(n, int) for n in (*x.shape, *size))
    if not known or math.prod(size) > x.numel or not fills_memory(x):
        return None
    return b.emit("as_strided", [x], {"size": size, "stride": contiguous_strides(size)})


def fills_memory(x: Value) -> bool:
    """Whether PyTorch has the elements of x, and no others, one after another in its memory."""
    fake = x.fake
    filled = fake.untyped_storage().nbytes() == fake.numel() * fake.element_size()
    return bool(fake.is_contiguous() and statically_known_true(filled))


row(
    "alias",
    inputs=IN,
    outputs=OUT,
    targets=(
        "aten.alias.default",
        "aten.detach.default",
        "aten.lift_fresh_copy.default",
        "aten.lift_fresh.default",
    ),
    reference=lambda self: self.view_as(self),
    identity=always,
    view=lambda shape, strides, offset: (shape, strides, offset),
    cases=lambda: _cases((3, 2), {}),
)
