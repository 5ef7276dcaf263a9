"""Copies: the same elements in memory of their own, in the layout that the output has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import axis, cast
from wasm_torch_web.ops.samples import corners, normal, numbers
from wasm_torch_web.ops.table import (
    ALL,
    COMPLEX,
    INTS,
    REAL,
    Case,
    always,
    dtype,
    lowers,
    row,
    tensor,
)

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def _cases() -> Iterator[Case]:
    for one in ALL + COMPLEX:
        yield Case((normal(5, 7, 9, dtype=one).permute(2, 0, 1),))
        yield Case((normal(3, 40, dtype=one)[:, 1::2],))
    for shape in ((), (0, 3), (1,), (5,), (3, 4, 5)):
        yield Case((corners(*shape),))
    yield Case((normal(70, 65).t(),))
    yield Case((normal(2, 130, 66).transpose(1, 2),))
    yield Case((normal(2, 6, 7, 3).permute(0, 3, 1, 2),))  # channels last to dense
    yield Case((normal(2, 19, 5, 8).permute(0, 2, 3, 1),))  # and back
    yield Case((normal(5, 1).expand(5, 6),))
    yield Case((normal(6).expand(5, 6),))
    yield Case((normal(3, 4, 5, 6).permute(3, 1, 0, 2),))
    yield Case((normal(50000),))


# The layout pass inserts it; no aten operator needs one, as no result aliases another value.
row(
    "copy",
    inputs=[tensor("input", ALL + COMPLEX, "strided")],
    outputs=[tensor("output", ALL + COMPLEX, "dense_any")],
    reference=lambda input: input.clone(memory_format=torch.contiguous_format),
    identity=always,
    cases=_cases,
)


row(
    "view_dtype",
    inputs=[tensor("self", ALL)],
    outputs=[tensor("output", REAL)],
    attributes=[dtype("dtype")],
    targets=["aten.view.dtype"],
    reference=lambda self, dtype: self.view(dtype),
    cases=lambda: [
        *(Case((normal(3, 4, dtype=one),), {"dtype": torch.uint8}) for one in ALL),
        *(Case((numbers(5, 8, below=256).to(torch.uint8),), {"dtype": one}) for one in INTS),
        Case((corners(3, 5),), {"dtype": torch.int32}),
        Case((torch.tensor(1.5),), {"dtype": torch.int32}),
        Case((torch.zeros(2, 0),), {"dtype": torch.int16}),
    ],
)


@lowers("aten.clone.default", "aten.contiguous.default")
def clone(b: Builder, a: dict[str, Any]) -> Value:
    """The value itself: memory is the layout pass's business."""
    result: Value = a["self"]
    return result


@lowers("aten.copy.default")
def copy(b: Builder, a: dict[str, Any]) -> Any:
    """`src` in the shape and dtype of `self`."""
    source = cast(b, a["src"], a["self"].dtype)
    if source.shape == a["self"].shape:
        return source
    return b.call("aten.expand.default", self=source, size=list(a["self"].shape))


@lowers("prims.convert_element_type.default")
def convert_element_type(b: Builder, a: dict[str, Any]) -> Value:
    """What some of PyTorch's decompositions leave of a cast."""
    return cast(b, a["a"], a["dtype"])


# Copying forms of views that torch.export does not decompose: every value is its own anyway.
def _copying(name: str, overload: str) -> None:
    @lowers(f"aten.{name}_copy.{overload}")
    def lowering(b: Builder, a: dict[str, Any]) -> Any:
        """As the view."""
        return b.call(f"aten.{name}.{overload}", **a)


for _view in ("detach.default", "permute.default", "select.int", "slice.Tensor", "view.default"):
    _copying(*_view.split("."))


@lowers("aten.unbind_copy.int")
def unbind_copy(b: Builder, a: dict[str, Any]) -> Any:
    """One slice for each index of the axis, whose size has to be known."""
    size = a["self"].shape[a["dim"]]
    if not isinstance(size, int):
        return None
    return tuple(b.emit("select", [a["self"]], {"dim": a["dim"], "index": i}) for i in range(size))


@lowers("aten.narrow_copy.default")
def narrow_copy(b: Builder, a: dict[str, Any]) -> Any:
    """A slice by its start and length."""
    start = a["start"]
    if isinstance(start, int) and start < 0:  # its end may be 0, which a slice would not count on
        start = start + a["self"].shape[axis(a["dim"], a["self"].rank)]
    end = start + a["length"]
    return b.call("aten.slice.Tensor", self=a["self"], dim=a["dim"], start=start, end=end)
