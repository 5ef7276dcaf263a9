"""PyTorch's advanced indexing: reading and writing what several index tensors together name.

Negative indices count from the end, or name nothing, as in PyTorch; writes happen in the order of
the indices, in the input's own memory where its old contents are dead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import EXACT, as_line, axis, cast, expand, in_shape
from wasm_torch_web.ops.decided import put_size, spread_masks
from wasm_torch_web.ops.samples import normal, numbers
from wasm_torch_web.ops.table import ALL, INDEX, Case, flag, integers, lowers, row, tensor
from wasm_torch_web.ops.views import fills_memory
from wasm_torch_web.strides import broadcast_shape

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

IN = tensor("self", ALL, "strided")
INDICES = tensor("indices", INDEX, "strided", variadic=True)
OUT = [tensor("output", ALL)]
WRAPS = flag("wraps", True)  # whether negative indices count from the end


def _selection(
    indices: Sequence[torch.Tensor], axes: Sequence[int]
) -> tuple[torch.Tensor | None, ...]:
    by_axis = dict(zip(axes, indices, strict=True))
    return tuple(by_axis.get(i) for i in range(max(axes) + 1))


def _index_cases() -> Iterator[Case]:
    x = normal(4, 5, 6, 7)
    for dtype in ALL:
        yield Case((normal(5, 17, dtype=dtype), numbers(9, below=5, negative=True)), {"axes": (0,)})
        yield Case(
            (normal(17, 5, dtype=dtype).t(), numbers(3, 4, below=17, negative=True)), {"axes": (1,)}
        )
    for axes in ((1, 2), (0, 1, 2, 3), (0, 2), (1, 3), (0, 1, 3)):
        indices = [numbers(3, 2, below=x.shape[a], seed=a, negative=True) for a in axes]
        yield Case((x, *indices), {"axes": axes})
        yield Case(
            (x.permute(3, 1, 0, 2), *(i.remainder(4).int() for i in indices)), {"axes": axes}
        )
    yield Case(
        (
            x,
            numbers(3, 1, below=5, negative=True).expand(3, 4),
            numbers(4, below=6, negative=True).expand(3, 4),
        ),
        {"axes": (1, 2)},
    )
    yield Case((x, torch.tensor(-1)), {"axes": (1,)})
    yield Case((x, numbers(3, below=5)), {"axes": (1,), "wraps": False})
    yield Case((x, numbers(0, below=5, negative=True)), {"axes": (1,)})
    yield Case((normal(3, 0), numbers(2, below=3, negative=True)), {"axes": (0,)})
    yield Case((normal(50, 40, 33), numbers(60, below=40, negative=True)), {"axes": (1,)})


row(
    "index",
    inputs=[IN, INDICES],
    outputs=OUT,
    # axes: ascending; one for each of the indices, which have one shape
    attributes=[integers("axes"), WRAPS],
    reference=lambda self, *indices, axes, wraps: torch.ops.aten.index.Tensor(
        self, _selection(indices, axes)
    ),
    cases=_index_cases,
)


def _put_cases() -> Iterator[Case]:
    for accumulate in (False, True):
        chosen = {"accumulate": accumulate}
        for dtype in (torch.float32, torch.float64, *ALL[4:-1]) if accumulate else ALL:
            unique = torch.tensor([[3, -5], [1, 2]])
            values = normal(4, 2, 2, 17, dtype=dtype, seed=1)
            yield Case((normal(4, 5, 17, dtype=dtype), values, unique), {"axes": (1,), **chosen})
        x = normal(4, 5, 6)
        values = normal(6, seed=1).reshape(2, 3)
        yield Case(
            (
                x,
                values.unsqueeze(2).expand(2, 3, 5),
                numbers(2, 3, below=4, negative=True),
                torch.arange(6).reshape(2, 3),
            ),
            {"axes": (0, 2), **chosen},
        )
        yield Case(
            (x.permute(2, 1, 0), normal(6, 1, 4), torch.tensor([-1])), {"axes": (1,), **chosen}
        )
        yield Case(
            (x, normal(0, 5, 6), numbers(0, below=4, negative=True)), {"axes": (0,), **chosen}
        )
    once = {"axes": (0,), "wraps": False}
    yield Case((normal(5, 3), normal(2, 3, seed=1), torch.tensor([4, 0])), once)
    repeated = torch.tensor([1, 1, 3, 1, -4])
    yield Case((normal(5, 3), normal(5, 3, seed=1), repeated), {"axes": (0,), "accumulate": True})


row(
    "index_put",
    inputs=[IN, tensor("values", ALL, "strided"), INDICES],
    outputs=OUT,
    attributes=[integers("axes"), flag("accumulate", False), WRAPS],
    reference=lambda self, values, *indices, axes, accumulate, wraps: (
        torch.ops.aten.index_put.default(self, _selection(indices, axes), values, accumulate)
    ),
    inplace=0,
    cases=_put_cases,
)


def _indices(
    b: Builder, given: Sequence[Value | None]
) -> tuple[tuple[int, ...], list[Value]] | None:
    """The indexed axes and the indices, broadcast to one shape; None if one of them is a mask."""
    axes = tuple(i for i, index in enumerate(given) if index is not None)
    indices = [index for index in given if index is not None]
    if any(index.dtype not in INDEX for index in indices):
        return None
    shape = broadcast_shape([index.shape for index in indices])
    return axes, [expand(b, index, shape) for index in indices]


@lowers("aten.index.Tensor", "aten._unsafe_index.Tensor")
def index(b: Builder, a: dict[str, Any]) -> Value | None:
    """Advanced indexing; the size of what a mask lets through depends on the data."""
    found = _indices(b, spread_masks(b, a["indices"]))
    if found is None:
        return None
    axes, indices = found
    result: Value = b.emit("index", [a["self"], *indices], {"axes": axes})
    return result


@lowers("aten.index_select.default")
def index_select(b: Builder, a: dict[str, Any]) -> Value:
    """Whole slices by number."""
    x, numbers = as_line(b, a["self"]), as_line(b, a["index"])
    attributes = {"axes": (axis(a["dim"], x.rank),), "wraps": False}
    picked: Value = b.emit("index", [x, numbers], attributes)
    return picked if a["self"].rank else in_shape(b, picked, ())


def _put(
    b: Builder,
    x: Value,
    axes: tuple[int, ...],
    indices: list[Value],
    values: Value,
    add: bool,
    wraps: bool = True,
) -> Value:
    """`index_put` of values that broadcast to the shape that `index` would give."""
    kept = [size for i, size in enumerate(x.shape) if i not in axes]
    front = axes[0] if axes[-1] - axes[0] == len(axes) - 1 else 0
    values = expand(b, values, (*kept[:front], *indices[0].shape, *kept[front:]))
    exact = EXACT.get(x.dtype, x.dtype) if add else x.dtype
    operands = [cast(b, x, exact), cast(b, values, exact), *indices]
    attributes = {"axes": axes, "accumulate": add, "wraps": wraps}
    result: Value = b.emit("index_put", operands, attributes)
    return cast(b, result, x.dtype)


@lowers("aten.index_put.default", "aten._unsafe_index_put.default")
def index_put(b: Builder, a: dict[str, Any]) -> Value | None:
    """Writes values where the indices point."""
    found = _indices(b, a["indices"])
    if found is None:
        put = _put_under_mask(b, a)
        if put is not None:
            return put
        size = put_size(a["self"], a["indices"], a["values"])
        found = _indices(b, spread_masks(b, a["indices"], size))
    if found is None:
        return None
    return _put(b, a["self"], *found, a["values"], a["accumulate"])


def _put_under_mask(b: Builder, a: dict[str, Any]) -> Value | None:
    """One mask: values that each element under it gets are a `where`, others come in order."""
    x, values = a["self"], a["values"]
    given: list[Value | None] = a["indices"]
    masks = [mask for mask in given if mask is not None]
    if len(masks) != 1 or masks[0].dtype not in (torch.bool, torch.uint8):
        return None
    mask, front = cast(b, masks[0], torch.bool), given.index(masks[0])
    kept = x.shape[front + mask.rank :]
    mask = in_shape(b, mask, (*mask.shape, *([1] * len(kept))))
    at = values.rank - len(kept) - 1  # the axis of values that counts those selected
    selected = values.shape[at] if at >= 0 else 1
    old, x = x, expand(b, b.scalar(0, x.dtype), x.shape) if a["accumulate"] else x
    if selected == 1:
        if at >= 0:
            ones = [1] * masks[0].rank
            values = in_shape(b, values, (*values.shape[:at], *ones, *values.shape[at + 1 :]))
        put = b.call("aten.where.self", condition=mask, self=values, other=x)
    elif front == 0:
        values = expand(b, values, (selected, *kept))
        put = b.call("aten.masked_scatter.default", self=x, mask=mask, source=values)
    else:
        return None
    if a["accumulate"]:
        put = b.call("aten.add.Tensor", self=old, other=put)
    result: Value = put
    return result


@lowers("aten.masked_scatter.default")
def masked_scatter(b: Builder, a: dict[str, Any]) -> Value:
    """Where the mask is true, the elements of `source` one after another."""
    shape = broadcast_shape([a["self"].shape, a["mask"].shape])
    x, mask = expand(b, a["self"], shape), expand(b, a["mask"], shape)
    if a["source"].numel == 0:
        return x
    line = in_shape(b, cast(b, mask, torch.int64), (-1,))
    count = b.call("aten.cumsum.default", self=line, dim=0)
    place = b.call("aten.clamp.default", self=b.call("aten.sub.Tensor", self=count, other=1), min=0)
    picked = b.emit("index", [in_shape(b, a["source"], (-1,)), place], {"axes": (0,)})
    result: Value = b.call(
        "aten.where.self", condition=mask, self=in_shape(b, picked, shape), other=x
    )
    return result


def _put_slices(
    b: Builder, a: dict[str, Any], values: Value, add: bool = False, wraps: bool = False
) -> Value:
    """Slices of `self` along `dim`, named by `index`; a 0-d tensor counts as one of rank 1."""
    x, index = as_line(b, a["self"]), as_line(b, a["index"])
    dim = axis(a["dim"], x.rank)
    put = _put(b, x, (dim,), [index], values, add, wraps)
    return in_shape(b, put, a["self"].shape)


@lowers("aten.index_add.default")
def index_add(b: Builder, a: dict[str, Any]) -> Value:
    """Adds slices of `source`, times alpha, to the slices that the index names."""
    source = a["source"]
    if a["alpha"] != 1:
        alpha = b.scalar(a["alpha"], source.dtype)
        source = b.call("aten.mul.Tensor", self=source, other=alpha)
    return _put_slices(b, a, source, add=True)


@lowers("aten.index_copy.default")
def index_copy(b: Builder, a: dict[str, Any]) -> Value:
    """Replaces slices."""
    return _put_slices(b, a, a["source"])


@lowers("aten.index_fill.int_Scalar", "aten.index_fill.int_Tensor")
def index_fill(b: Builder, a: dict[str, Any]) -> Value:
    """Fills slices with one value."""
    x, value = a["self"], a["value"]
    if isinstance(value, (int, float)):
        value = b.scalar(value, x.dtype)
    return _put_slices(b, a, cast(b, in_shape(b, value, ()), x.dtype), wraps=True)


def _put_places(b: Builder, x: Value, places: Value, values: Value, add: bool = False) -> Value:
    """Writes single elements of x, numbered in logical order."""
    operands = [in_shape(b, places, (-1,))], in_shape(b, values, (-1,)), add
    return in_shape(b, _put(b, in_shape(b, x, (-1,)), (0,), *operands), x.shape)


@lowers("aten.take.default")
def take(b: Builder, a: dict[str, Any]) -> Value:
    """Elements of the tensor seen as one line."""
    line = in_shape(b, a["self"], (-1,))
    result: Value = b.emit("index", [line, a["index"]], {"axes": (0,)})
    return result


@lowers("aten.put.default")
def put(b: Builder, a: dict[str, Any]) -> Value:
    """Writes elements of the tensor seen as one line."""
    return _put_places(b, a["self"], a["index"], a["source"], a["accumulate"])


def _places(b: Builder, x: Value) -> Value:
    """The elements' numbers, in the shape of x."""
    numbers = {"size": x.numel, "start": 0, "step": 1, "dtype": torch.int64}
    return in_shape(b, b.emit("arange", [], numbers), x.shape)


@lowers("aten.diagonal_scatter.default")
def diagonal_scatter(b: Builder, a: dict[str, Any]) -> Value:
    """The tensor with a diagonal replaced."""
    x, src = a["self"], a["src"]
    where = {"offset": a["offset"], "dim1": a["dim1"], "dim2": a["dim2"]}
    return _put_places(b, x, b.call("aten.diagonal.default", self=_places(b, x), **where), src)


@lowers("aten.as_strided_scatter.default")
def as_strided_scatter(b: Builder, a: dict[str, Any]) -> Value | None:
    """The tensor with a view of its memory replaced; see `as_strided`."""
    x, offset = a["self"], a["storage_offset"] or 0
    if not fills_memory(x):
        return None
    place = {"size": a["size"], "stride": a["stride"], "storage_offset": offset}
    return _put_places(b, x, b.emit("as_strided", [_places(b, x)], place), a["src"])
