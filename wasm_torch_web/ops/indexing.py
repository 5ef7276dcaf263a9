"""PyTorch's advanced indexing: reading and writing what several index tensors together name.

Negative indices count from the end; writes happen in the order of the indices, in the input's own
memory where its old contents are dead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import HALF, axis, cast, expand
from wasm_torch_web.ops.decided import put_size, spread_masks
from wasm_torch_web.ops.samples import normal, numbers
from wasm_torch_web.ops.table import ALL, INDEX, Case, flag, integers, lowers, row, tensor
from wasm_torch_web.strides import broadcast_shape

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

IN = tensor("self", ALL, "strided")
INDICES = tensor("indices", INDEX, "strided", variadic=True)
OUT = [tensor("output", ALL)]


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
    yield Case((x, numbers(0, below=5, negative=True)), {"axes": (1,)})
    yield Case((normal(3, 0), numbers(2, below=3, negative=True)), {"axes": (0,)})
    yield Case((normal(50, 40, 33), numbers(60, below=40, negative=True)), {"axes": (1,)})


row(
    "index",
    inputs=[IN, INDICES],
    outputs=OUT,
    attributes=[integers("axes")],  # ascending; one for each of the indices, which have one shape
    reference=lambda self, *indices, axes: torch.ops.aten.index.Tensor(
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
    repeated = torch.tensor([1, 1, 3, 1, -4])
    yield Case((normal(5, 3), normal(5, 3, seed=1), repeated), {"axes": (0,), "accumulate": True})


row(
    "index_put",
    inputs=[IN, tensor("values", ALL, "strided"), INDICES],
    outputs=OUT,
    attributes=[integers("axes"), flag("accumulate", False)],
    reference=lambda self, values, *indices, axes, accumulate: torch.ops.aten.index_put.default(
        self, _selection(indices, axes), values, accumulate
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
def index_select(b: Builder, a: dict[str, Any]) -> Value | None:
    """Whole slices by number."""
    x, numbers = a["self"], a["index"]
    if x.rank == 0:
        return None
    if numbers.rank == 0:
        numbers = b.emit("unsqueeze", [numbers], {"dim": 0})
    result: Value = b.emit("index", [x, numbers], {"axes": (axis(a["dim"], x.rank),)})
    return result


def _put(
    b: Builder, x: Value, axes: tuple[int, ...], indices: list[Value], values: Value, add: bool
) -> Value | None:
    """`index_put` of values that broadcast to the shape that `index` would give."""
    if add and x.dtype == torch.bool:
        return None
    kept = [size for i, size in enumerate(x.shape) if i not in axes]
    front = axes[0] if axes[-1] - axes[0] == len(axes) - 1 else 0
    values = expand(b, values, (*kept[:front], *indices[0].shape, *kept[front:]))
    exact = torch.float32 if add and x.dtype in HALF else x.dtype
    operands = [cast(b, x, exact), cast(b, values, exact), *indices]
    result: Value = b.emit("index_put", operands, {"axes": axes, "accumulate": add})
    return cast(b, result, x.dtype)


@lowers("aten.index_put.default", "aten._unsafe_index_put.default")
def index_put(b: Builder, a: dict[str, Any]) -> Value | None:
    """Writes values where the indices point; one value under a mask is a `where`."""
    found = _indices(b, a["indices"])
    if found is None:
        filled = _fill_mask(b, a)
        if filled is not None:
            return filled
        size = put_size(a["self"], a["indices"], a["values"])
        found = _indices(b, spread_masks(b, a["indices"], size))
    if found is None:
        return None
    return _put(b, a["self"], *found, a["values"], a["accumulate"])


def _fill_mask(b: Builder, a: dict[str, Any]) -> Value | None:
    x, values = a["self"], a["values"]
    masks = [mask for mask in a["indices"] if mask is not None]
    if len(masks) != 1 or a["accumulate"] or values.numel != 1:
        return None
    mask = masks[0]
    for _ in range(x.rank - len(a["indices"]) + 1 - mask.rank):
        mask = b.emit("unsqueeze", [mask], {"dim": -1})
    value = b.emit("reshape", [values], {"size": ()})
    result: Value = b.call("aten.where.self", condition=mask, self=value, other=x)
    return result


@lowers("aten.index_add.default")
def index_add(b: Builder, a: dict[str, Any]) -> Value | None:
    """Adds slices of `source`, times alpha, to the slices that the index names."""
    x, source = a["self"], a["source"]
    if x.rank == 0:
        return None
    if a["alpha"] != 1:
        alpha = b.scalar(a["alpha"], source.dtype)
        source = b.call("aten.mul.Tensor", self=source, other=alpha)
    return _put(b, x, (axis(a["dim"], x.rank),), [a["index"]], source, add=True)


@lowers("aten.index_copy.default")
def index_copy(b: Builder, a: dict[str, Any]) -> Value | None:
    """Replaces slices."""
    x = a["self"]
    if x.rank == 0:
        return None
    return _put(b, x, (axis(a["dim"], x.rank),), [a["index"]], a["source"], add=False)


@lowers("aten.index_fill.int_Scalar", "aten.index_fill.int_Tensor")
def index_fill(b: Builder, a: dict[str, Any]) -> Value | None:
    """Fills slices with one value."""
    x, value = a["self"], a["value"]
    if x.rank == 0:
        return None
    if isinstance(value, (int, float)):
        value = b.scalar(value, x.dtype)
    return _put(b, x, (axis(a["dim"], x.rank),), [a["index"]], cast(b, value, x.dtype), add=False)
