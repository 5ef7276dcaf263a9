"""Copies: the same elements in memory of their own, in the layout that the output has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import cast
from wasm_torch_web.ops.samples import corners, normal
from wasm_torch_web.ops.table import ALL, COMPLEX, Case, always, lowers, row, tensor

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
