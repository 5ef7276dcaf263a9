"""Reading and writing single elements along one axis: `gather`, `scatter` and its reductions.

No index may be negative; writes happen in the order of the index, in the input's own
memory where its old contents are dead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import EXACT, as_line, axis, cast, expand, in_shape
from wasm_torch_web.ops.samples import normal, numbers
from wasm_torch_web.ops.table import ALL, INDEX, Case, enum, flag, integer, lowers, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

IN = tensor("self", ALL, "strided")
OUT = [tensor("output", ALL)]


def _gather_cases() -> Iterator[Case]:
    for dtype in ALL:
        x = normal(3, 17, dtype=dtype)
        yield Case((x, numbers(3, 5, below=17)), {"dim": 1})
        yield Case((x.t(), numbers(15, 3, below=17)), {"dim": 0})
    x = normal(4, 5, 6)
    for dim in range(3):
        index = numbers(2, 3, 4, below=x.shape[dim]).permute(0, 2, 1)
        yield Case((x, index), {"dim": dim})
    yield Case((x, numbers(4, 1, 6, below=4).int().expand(4, 5, 6)), {"dim": 0})
    yield Case((normal(), torch.tensor(0)), {"dim": 0})
    yield Case((x, numbers(0, 3, 4, below=4)), {"dim": 0})


row(
    "gather",
    inputs=[IN, tensor("index", INDEX, "strided")],
    outputs=OUT,
    attributes=[integer("dim")],
    reference=lambda self, index, dim: torch.gather(self, dim, index.long()),
    cases=_gather_cases,
)


@lowers("aten.gather.default")
def gather(b: Builder, a: dict[str, Any]) -> Value:
    """One element along the axis for each element of the index."""
    x, index = as_line(b, a["self"]), as_line(b, as_index(b, a["index"]))
    if index.numel == 0:  # of any shape
        return expand(b, b.scalar(0, x.dtype), a["index"].shape)
    gathered = b.emit("gather", [x, index], {"dim": axis(a["dim"], x.rank)})
    return in_shape(b, gathered, a["index"].shape)


REDUCTIONS = ("none", "sum", "prod", "mean", "amin", "amax")


def _scatter_reference(
    self: torch.Tensor,
    index: torch.Tensor,
    src: torch.Tensor,
    dim: int,
    reduce: str,
    include_self: bool,
) -> torch.Tensor:
    if reduce == "none":
        return self.scatter(dim, index.long(), src)
    return self.scatter_reduce(dim, index.long(), src, reduce, include_self=include_self)


def _scatter_cases() -> Iterator[Case]:
    def case(
        x: torch.Tensor,
        index: torch.Tensor,
        src: torch.Tensor,
        dim: int = 1,
        reduce: str = "none",
        include_self: bool = True,
    ) -> Case:
        chosen = {"dim": dim, "reduce": reduce, "include_self": include_self}
        return Case((x, index, src), chosen)

    unique = torch.stack(
        [torch.randperm(17, generator=torch.Generator().manual_seed(i))[:5] for i in range(3)]
    )
    for dtype in ALL:
        src = normal(3, 6, dtype=dtype, seed=1)
        yield case(normal(3, 17, dtype=dtype), unique, src)
        yield case(normal(17, 3, dtype=dtype).t(), unique.int(), src)
    index = numbers(3, 15, below=4)
    for reduce in REDUCTIONS[1:]:
        for dtype in (torch.float32, torch.float64, *ALL[4:-1]):
            x, src = normal(3, 7, dtype=dtype), normal(3, 15, dtype=dtype, seed=1)
            yield case(x, index, src, 1, reduce)
            yield case(x, index, src, 1, reduce, include_self=False)
        x, src = normal(7, 5, 3), normal(15, 3, 2, seed=1).permute(0, 2, 1)
        yield case(x, index.t()[:, :2, None].expand(15, 2, 3), src, 0, reduce)
    nan = torch.full((3, 15), torch.nan)
    yield case(normal(3, 7), index, nan, 1, "amax")
    yield case(normal(), torch.tensor(0), normal(seed=1), 0)
    yield case(normal(3, 4), numbers(3, 0, below=4), normal(3, 0))


row(
    "scatter",
    inputs=[IN, tensor("index", INDEX, "strided"), tensor("src", ALL, "strided")],
    outputs=OUT,
    attributes=[
        integer("dim"),
        enum("reduce", *REDUCTIONS, default="none"),
        flag("include_self", True),
    ],
    reference=_scatter_reference,
    inplace=0,
    cases=_scatter_cases,
)


def as_index(b: Builder, index: Value) -> Value:
    """Narrower integers as int64."""
    return index if index.dtype in INDEX else cast(b, index, torch.int64)


def _scatter(
    b: Builder, a: dict[str, Any], src: Value, reduce: str = "none", include_self: bool = True
) -> Value:
    x, index, src = (as_line(b, v) for v in (a["self"], as_index(b, a["index"]), src))
    if index.numel == 0:  # of any shape
        return in_shape(b, x, a["self"].shape)
    exact = x.dtype if reduce == "none" else EXACT.get(x.dtype, x.dtype)
    operands = [cast(b, x, exact), index, cast(b, src, exact)]
    attributes = {"dim": axis(a["dim"], x.rank), "reduce": reduce, "include_self": include_self}
    result = cast(b, b.emit("scatter", operands, attributes), x.dtype)
    return in_shape(b, result, a["self"].shape)


def _value(b: Builder, a: dict[str, Any]) -> Value:
    """A number in place of `src`."""
    return expand(b, b.scalar(a["value"], a["self"].dtype), a["index"].shape)


@lowers("aten.scatter.src")
def scatter(b: Builder, a: dict[str, Any]) -> Value:
    """Writes one element along the axis for each element of the index."""
    return _scatter(b, a, a["src"])


@lowers("aten.scatter.value")
def scatter_value(b: Builder, a: dict[str, Any]) -> Value:
    """Writes one number."""
    return _scatter(b, a, _value(b, a))


_OLD_NAMES = {"add": "sum", "multiply": "prod"}


@lowers("aten.scatter.reduce")
def scatter_with(b: Builder, a: dict[str, Any]) -> Value:
    """The older names of reductions."""
    return _scatter(b, a, a["src"], _OLD_NAMES[a["reduce"]])


@lowers("aten.scatter.value_reduce")
def scatter_value_with(b: Builder, a: dict[str, Any]) -> Value:
    """Adds or multiplies one number."""
    return _scatter(b, a, _value(b, a), _OLD_NAMES[a["reduce"]])


@lowers("aten.scatter_add.default")
def scatter_add(b: Builder, a: dict[str, Any]) -> Value:
    """Adds."""
    return _scatter(b, a, a["src"], "sum")


@lowers("aten.scatter_reduce.two")
def scatter_reduce(b: Builder, a: dict[str, Any]) -> Value:
    """Joins elements that meet, the old one included or not."""
    return _scatter(b, a, a["src"], a["reduce"], a["include_self"])


@lowers("aten.index_reduce.default")
def index_reduce(b: Builder, a: dict[str, Any]) -> Value:
    """Joins slices of `source` with the slices that the index names."""
    x, index = as_line(b, a["self"]), as_line(b, a["index"])
    dim = axis(a["dim"], x.rank)
    source = in_shape(b, a["source"], (*x.shape[:dim], *index.shape, *x.shape[dim + 1 :]))
    line = in_shape(b, index, (*index.shape, *([1] * (x.rank - dim - 1))))
    full = {"self": x, "dim": dim, "index": expand(b, line, source.shape)}
    result = _scatter(b, full, source, a["reduce"], a["include_self"])
    return in_shape(b, result, a["self"].shape)
