"""Order along an axis. Every sort is stable; NaN counts as the largest number, as in PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import axis, cast
from wasm_torch_web.ops.samples import corners, normal
from wasm_torch_web.ops.table import ALL, INDEX, Case, flag, integer, lowers, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

IN = tensor("self", ALL, "strided")
ORDERED = [tensor("values", ALL), tensor("indices", (torch.int64,))]


def _sort_cases() -> Iterator[Case]:
    for descending in (False, True):
        for dtype in ALL:
            yield Case((normal(3, 17, dtype=dtype),), {"dim": 1, "descending": descending})
        for shape, dim in (((), 0), ((1,), 0), ((0, 3), 1), ((3, 0), 1), ((5, 4, 3), 1)):
            yield Case((normal(*shape),), {"dim": dim, "descending": descending})
        yield Case((corners(4, 15),), {"dim": 1, "descending": descending})
        yield Case((corners(15, 4).double().t(),), {"dim": 0, "descending": descending})
        yield Case((torch.zeros(1000),), {"dim": 0, "descending": descending})


row(
    "sort",
    inputs=[IN],
    outputs=ORDERED,
    attributes=[integer("dim"), flag("descending", False)],
    reference=lambda self, dim, descending: torch.sort(
        self, dim=dim, descending=descending, stable=True
    ),
    cases=_sort_cases,
)


@lowers("aten.sort.default", "aten.sort.stable")
def sort(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
    """Values in order and where they were."""
    dim = axis(a["dim"], a["self"].rank)
    result: tuple[Value, Value] = b.emit(
        "sort", [a["self"]], {"dim": dim, "descending": a["descending"]}
    )
    return result


def _distinct(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """No two equal, as PyTorch's order of ties in topk is not defined."""
    order = torch.randperm(torch.Size(shape).numel(), generator=torch.Generator().manual_seed(0))
    return order.reshape(shape).to(dtype)


def _topk_cases() -> Iterator[Case]:
    for largest in (True, False):
        for dtype in ALL[:-1]:
            yield Case((_distinct(3, 17, dtype=dtype),), {"k": 4, "dim": 1, "largest": largest})
        for k in (0, 1, 15):
            yield Case((_distinct(15, 3),), {"k": k, "dim": 0, "largest": largest})
        yield Case((_distinct(4, 1000).t(),), {"k": 5, "dim": 0, "largest": largest})
        yield Case((_distinct(),), {"k": 1, "dim": 0, "largest": largest})
    x = _distinct(2, 9)
    x[0, 3], x[1, 5], x[1, 6] = torch.nan, torch.inf, -torch.inf
    yield from (Case((x,), {"k": 3, "dim": 1, "largest": largest}) for largest in (True, False))


row(
    "topk",
    inputs=[IN],
    outputs=ORDERED,
    attributes=[integer("k"), integer("dim", -1), flag("largest", True)],
    reference=lambda self, k, dim, largest: torch.topk(self, k, dim, largest),
    cases=_topk_cases,
)


@lowers("aten.topk.default")
def topk(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
    """The k largest or smallest; in order whether that was asked for or not."""
    dim = axis(a["dim"], a["self"].rank)
    attributes = {"k": a["k"], "dim": dim, "largest": a["largest"]}
    result: tuple[Value, Value] = b.emit("topk", [a["self"]], attributes)
    return result


def _searchsorted_cases() -> Iterator[Case]:
    for right in (False, True):
        for dtype in ALL[:-1]:
            line = normal(17, dtype=dtype).sort().values
            values = torch.cat([line[::3], normal(5, dtype=dtype, seed=1)])
            yield Case((line, values), {"right": right, "out_int32": False})
        lines = normal(3, 15).sort().values
        yield Case((lines, normal(3, 4, seed=1)), {"right": right, "out_int32": True})
        yield Case((lines, normal(4, 3, seed=1).t()), {"right": right, "out_int32": False})
        line = lines[0]
        yield Case((line, normal(2, 4, 5)), {"right": right, "out_int32": False})
        yield Case((line, torch.tensor(0.25)), {"right": right, "out_int32": False})
        yield Case((normal(0), normal(3)), {"right": right, "out_int32": False})


row(
    "searchsorted",
    inputs=[tensor("sorted_sequence", ALL, "strided"), IN],
    outputs=[tensor("output", INDEX)],
    attributes=[flag("right", False), flag("out_int32", False)],
    reference=lambda sorted_sequence, self, right, out_int32: torch.searchsorted(
        sorted_sequence, self, right=right, out_int32=out_int32
    ),
    cases=_searchsorted_cases,
)


@lowers("aten.searchsorted.Tensor")
def searchsorted(b: Builder, a: dict[str, Any]) -> Value | None:
    """`side` is another word for `right`; with a `sorter` the sequence is put in order first."""
    sequence = a["sorted_sequence"]
    if a["sorter"] is not None:
        sequence = b.call("aten.gather.default", self=sequence, dim=-1, index=a["sorter"])
    flags = {"right": a["right"] or a["side"] == "right", "out_int32": a["out_int32"]}
    result: Value = b.emit("searchsorted", [sequence, a["self"]], flags)
    return result


@lowers("aten.searchsorted.Scalar")
def searchsorted_number(b: Builder, a: dict[str, Any]) -> Value | None:
    """One number, in the dtype that it and the sequence have together."""
    number, sequence = a["self"], a["sorted_sequence"]
    if not isinstance(number, (int, float)):
        return None
    dtype = torch.result_type(torch.empty(1, dtype=sequence.dtype), number)
    both = {"self": b.scalar(number, dtype), "sorted_sequence": cast(b, sequence, dtype)}
    result: Value = b.call("aten.searchsorted.Tensor", **{**a, **both})
    return result


@lowers("aten.bucketize.Tensor")
def bucketize(b: Builder, a: dict[str, Any]) -> Value:
    """The bucket between boundaries that each value falls into."""
    flags = {"right": a["right"], "out_int32": a["out_int32"]}
    result: Value = b.emit("searchsorted", [a["boundaries"], a["self"]], flags)
    return result
