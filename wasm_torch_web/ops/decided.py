"""Operators whose results are as long as the data decides.

Their rows have static sizes: room for the most that there can be, padded with zeros, and a count.
What follows reads the first `count` of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import axis, cast, expand
from wasm_torch_web.ops.samples import corners, normal
from wasm_torch_web.ops.table import ALL, BOOL, INDEX, Case, integer, lowers, row, tensor
from wasm_torch_web.strides import broadcast_shape, equal, product

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

IN = tensor("self", ALL, "strided")
COUNT = tensor("count", (torch.int64,))


def _long(name: str) -> Any:
    return tensor(name, (torch.int64,))


def _nonzero(self: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    found = (self != 0).reshape(-1)
    count = found.sum()
    places = torch.sort(~found, stable=True).indices
    places = torch.where(torch.arange(self.numel()) < count, places, 0)
    columns, rest = [], places
    for size in reversed(self.shape):
        columns.append(rest % size)
        rest = rest // size
    empty = places.new_zeros((self.numel(), 0))
    return torch.stack(columns[::-1], 1) if columns else empty, count


def _nonzero_cases() -> Iterator[Case]:
    for dtype in ALL:
        yield Case(((normal(3, 17) > 0.3).to(dtype),))
    for shape in ((), (0,), (1,), (4, 0), (5, 4, 3), (2, 1, 3, 2, 2)):
        yield Case((normal(*shape) > 0,))
    yield Case((corners(4, 15),))
    yield Case((normal(15, 4).t() > 0,))
    yield Case((normal(70, 300) > 1,))
    yield Case((torch.zeros(17),))


row(
    "nonzero",
    inputs=[IN],
    outputs=[_long("indices"), COUNT],  # (numel, rank)
    reference=_nonzero,
    cases=_nonzero_cases,
)


def _distinct(self: torch.Tensor) -> tuple[torch.Tensor, ...]:
    rows = self.unsqueeze(-1).flatten(1)  # sizes of 0 have no -1
    n = rows.shape[0]
    begins = torch.ones(n, dtype=torch.bool)
    begins[1:] = (rows[1:] != rows[:-1]).any(1)
    count = begins.sum()
    groups = begins.cumsum(0) - 1
    first = torch.sort(~begins, stable=True).indices
    first = torch.where(torch.arange(n) < count, first, 0)
    counts = torch.zeros(n, dtype=torch.int64).index_add(0, groups, torch.ones_like(groups))
    return first, groups, counts, count


def _distinct_cases() -> Iterator[Case]:
    for dtype in ALL:
        yield Case((normal(40).round().to(dtype).sort().values,))
    for shape in ((0,), (1,), (17, 3), (5, 2, 2), (4, 0)):
        yield Case((normal(*shape).round().abs().clamp(max=1),))
    yield Case((corners(60).sort().values,))
    yield Case((torch.zeros(9, 3).t(),))


# Runs of equal neighbours along the first axis (NaN equals nothing): where each begins, the run of
# each element, how long each is, and how many there are.
row(
    "distinct",
    inputs=[IN],
    outputs=[_long("first"), _long("groups"), _long("counts"), COUNT],
    reference=_distinct,
    cases=_distinct_cases,
)


def _sort_rows(self: torch.Tensor) -> torch.Tensor:
    order = torch.arange(self.shape[0])
    for column in range(int(self.shape[1]) - 1, -1, -1):
        order = order[torch.sort(self[order, column], stable=True).indices]
    return order


def _sort_rows_cases() -> Iterator[Case]:
    for dtype in ALL:
        yield Case((normal(17, 4).round().to(dtype),))
    for shape in ((0, 3), (3, 0), (1, 1), (300, 2)):
        yield Case((normal(*shape).round(),))
    yield Case((normal(4, 15).round().t(),))


row(
    "sort_rows",  # the order of the rows of a matrix: by the first column, then the second, ...
    inputs=[IN],
    outputs=[_long("order")],
    reference=_sort_rows,
    cases=_sort_rows_cases,
)


def _repeat_cases() -> Iterator[Case]:
    for dtype in INDEX:
        yield Case((torch.tensor([2, 0, 3, 1], dtype=dtype),), {"size": 6})
    yield Case((torch.tensor([], dtype=torch.int64),), {"size": 0})
    yield Case((torch.arange(40)[::2],), {"size": 380})


row(
    "repeat_interleave",  # index i as often as repeats[i] says; `size` in all
    inputs=[tensor("repeats", INDEX, "strided")],
    outputs=[_long("output")],
    attributes=[integer("size")],
    reference=lambda repeats, size: torch.ops.aten.repeat_interleave.Tensor(
        repeats.long(), output_size=size
    ),
    cases=_repeat_cases,
)


def _size(b: Builder, output: int, axis: int) -> Any:
    """What PyTorch calls this size of an output of the call; None where it has not said."""
    expected = b.expected[output] if isinstance(b.expected, (tuple, list)) else b.expected
    return None if expected is None else expected.shape[axis]


def places(b: Builder, x: Value, size: Any) -> list[Value]:
    """Where x is not 0, as one list of indices for each axis; PyTorch calls their length `size`."""
    indices, count = b.emit("nonzero", [x])
    length = b.decide(count, size, x.numel)
    found = b.part(indices, length)
    return [b.emit("select", [found], {"dim": 1, "index": i}) for i in range(x.rank)]


@lowers("aten.nonzero.default")
def nonzero(b: Builder, a: dict[str, Any]) -> Any:
    """(count, rank)"""
    indices, count = b.emit("nonzero", [a["self"]])
    return b.part(indices, b.decide(count, _size(b, 0, 0), a["self"].numel))


@lowers("aten.nonzero_static.default")
def nonzero_static(b: Builder, a: dict[str, Any]) -> Any:
    """(size, rank): cut, or filled up."""
    x, size = a["self"], a["size"]
    if not isinstance(x.numel, int):
        return None
    indices, count = b.emit("nonzero", [x])
    if size > x.numel:
        more = [0, 0, 0, size - x.numel]
        indices = b.call("aten.constant_pad_nd.default", self=indices, pad=more, value=0)
    indices = b.call("aten.slice.Tensor", self=indices, dim=0, start=0, end=size)
    number = b.emit("arange", [], {"size": size, "dtype": torch.int64})
    found = b.call("aten.lt.Tensor", self=number, other=count)
    found = b.emit("unsqueeze", [found], {"dim": 1})
    fill = b.scalar(a["fill_value"], torch.int64)
    return b.call("aten.where.self", condition=found, self=indices, other=fill)


@lowers("aten.masked_select.default")
def masked_select(b: Builder, a: dict[str, Any]) -> Any:
    """The elements under a mask, in order."""
    shape = broadcast_shape([a["self"].shape, a["mask"].shape])
    flat = {"size": (product(shape),)}
    x = b.emit("reshape", [expand(b, a["self"], shape)], flat)
    mask = b.emit("reshape", [expand(b, a["mask"], shape)], flat)
    chosen: Value = b.emit("index", [x, *places(b, mask, _size(b, 0, 0))], {"axes": (0,)})
    if not equal(product(shape), a["self"].numel):
        b.forget_limit(_size(b, 0, 0))  # PyTorch takes self's size for it, not the mask's
    return chosen


def spread_masks(
    b: Builder, indices: Sequence[Value | None], size: Any = None
) -> list[Value | None]:
    """Indices with the masks among them as the numbers of what they let through: so many as the
    call's output says, or `size`."""
    front = [i for i, index in enumerate(indices) if index is not None]
    spread: list[Value | None] = []
    for index in indices:
        if index is None or index.dtype not in (*BOOL, torch.uint8):
            spread.append(index)
            continue
        if size is None and len(front) == 1 and b.expected is not None:
            size = _size(b, 0, front[0])
        spread += places(b, index, size)
    return spread


def put_size(x: Value, indices: Sequence[Value | None], values: Value) -> Any:
    """How many slices there are to put under a lone mask; None where `values` do not say."""
    given = [(i, index) for i, index in enumerate(indices) if index is not None]
    if len(given) != 1:
        return None
    front, mask = given[0]
    axis = values.rank - 1 - (x.rank - front - mask.rank)
    return values.shape[axis] if axis >= 0 and values.shape[axis] != 1 else None


def _unique(b: Builder, values: Value, order: Value | None, dim: int) -> Any:
    """(values, inverse, counts) of lines along `dim`; they are equal neighbours, or are so in
    `order`."""
    x = values
    if order is not None:
        x = b.emit("index", [x, order], {"axes": (dim,)})
    dims = (dim, *(i for i in range(x.rank) if i != dim))
    lines = b.emit("permute", [x], {"dims": dims}) if dim else x
    first, groups, counts, count = b.emit("distinct", [lines])
    size = b.decide(count, _size(b, 0, dim), x.shape[dim])
    kept = b.emit("index", [x, b.part(first, size)], {"axes": (dim,)})
    if order is not None:
        zeros = b.emit("full", [], {"size": groups.shape, "value": 0, "dtype": torch.int64})
        attributes = {"axes": (0,), "accumulate": False}
        groups = b.emit("index_put", [zeros, groups, order], attributes)
    return kept, groups, b.part(counts, size)


def _chosen(b: Builder, found: Sequence[Value], inverse: bool, counts: bool, shape: Any) -> Any:
    """What was not asked for is empty."""
    empty = b.constant(torch.zeros(0, dtype=torch.int64))
    groups = b.emit("reshape", [found[1]], {"size": tuple(shape)}) if inverse else empty
    return found[0], groups, found[2] if counts else empty


def _flat(b: Builder, x: Value) -> Value:
    result: Value = b.emit("reshape", [x], {"size": (x.numel,)})
    return result


@lowers("aten._unique2.default")
def unique2(b: Builder, a: dict[str, Any]) -> Any:
    """Sorted, whether that was asked for or not."""
    x = a["self"]
    _, order = b.emit("sort", [_flat(b, x)], {"dim": 0, "descending": False})
    found = _unique(b, _flat(b, x), order, 0)
    return _chosen(b, found, a["return_inverse"], a["return_counts"], x.shape)


@lowers("aten.unique_consecutive.default")
def unique_consecutive(b: Builder, a: dict[str, Any]) -> Any:
    """Of all elements in a row, or of the lines along an axis."""
    x = a["self"]
    if a["dim"] is None:
        found = _unique(b, _flat(b, x), None, 0)
        return _chosen(b, found, a["return_inverse"], a["return_counts"], x.shape)
    dim = axis(a["dim"], x.rank)
    return _unique(b, x, None, dim)  # along an axis PyTorch gives all three anyway


@lowers("aten.unique_dim.default", "aten.unique_dim_consecutive.default")
def unique_dim(b: Builder, a: dict[str, Any]) -> Any:
    """Of the lines along an axis."""
    x = a["self"]
    dim = axis(a["dim"], x.rank)
    order = None
    if "sorted" in a:
        dims = (dim, *(i for i in range(x.rank) if i != dim))
        lines = b.emit("permute", [x], {"dims": dims})
        rest = product(lines.shape[1:])
        order = b.emit("sort_rows", [b.emit("reshape", [lines], {"size": (x.shape[dim], rest)})])
    return _unique(b, x, order, dim)


@lowers("aten.repeat_interleave.Tensor")
def repeat_interleave(b: Builder, a: dict[str, Any]) -> Any:
    """Each index as often as its number says."""
    size = a["output_size"]
    if size is None:
        total = b.call("aten.sum.default", self=cast(b, a["repeats"], torch.int64))
        size = b.decide(total, _size(b, 0, 0), None)
    indices = b.emit("repeat_interleave", [a["repeats"]], {"size": size})
    return cast(b, indices, a["repeats"].dtype)


@lowers("aten._local_scalar_dense.default", "aten.item.default")
def item(b: Builder, a: dict[str, Any]) -> Any:
    """A number of the data: an expression from here on."""
    x = a["self"]
    dtype = torch.float64 if x.dtype.is_floating_point else torch.int64
    number = b.emit("reshape", [cast(b, x, dtype)], {"size": ()})
    return b.decide(b.emit("copy", [number]), _symbol_of(b.expected), None)


def _symbol_of(number: Any) -> Any:
    """The only symbol in a number: bools are `u0 == 1`."""
    expr = getattr(getattr(number, "node", None), "expr", None)
    symbols = [] if expr is None else list(expr.free_symbols)
    return symbols[0] if len(symbols) == 1 else None


@lowers("aten._assert_scalar.default")
def assert_scalar(b: Builder, a: dict[str, Any]) -> Any:
    """A guard, where it is about what the data decides."""
    condition = a["self"]
    symbols: set[Any] = getattr(condition, "free_symbols", set())
    known = condition in b.graph.guards or condition in b.forgotten
    if symbols & b.decided_symbols() and not known:
        b.graph.guards.append(condition)
    return ()


@lowers("aten._assert_async.msg", "aten._assert_async.default")
def assert_async(b: Builder, a: dict[str, Any]) -> Any:
    """A guard: the number is not 0."""
    number = b.emit("reshape", [cast(b, a["self"], torch.int64)], {"size": ()})
    held = b.decide(b.emit("copy", [number]), None, None)
    b.graph.guards.append(held > 0)
    return ()
