"""Rows of a table by number, and class numbers as one-hot rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.samples import normal, numbers
from wasm_torch_web.ops.table import ALL, INDEX, Case, integer, lowers, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def _embedding_cases() -> Iterator[Case]:
    for dtype in ALL:
        yield Case((normal(11, 5, dtype=dtype), numbers(3, 4, below=11)))
    for width in (1, 3, 4, 17, 384):
        yield Case((normal(9, width), numbers(15, below=9).int()))
    yield Case((normal(9, 4), numbers(3, 5, below=9).t()))
    yield Case((normal(9, 4), numbers(below=9)))
    yield Case((normal(9, 4), numbers(2, 0, below=9)))
    yield Case((normal(9, 0), numbers(2, below=9)))
    yield Case((normal(300, 64), numbers(40, 30, below=300)))


row(
    "embedding",
    inputs=[tensor("weight", ALL, "dense", "panel8"), tensor("indices", INDEX, "strided")],
    outputs=[tensor("output", ALL)],
    reference=lambda weight, indices: F.embedding(indices, weight),
    cases=_embedding_cases,
)


@lowers("aten.embedding.default")
def embedding(b: Builder, a: dict[str, Any]) -> Value:
    """`padding_idx` and the like matter only for gradients."""
    result: Value = b.emit("embedding", [a["weight"], a["indices"]])
    return result


row(
    "one_hot",
    inputs=[tensor("self", (torch.int64,), "strided")],
    outputs=[tensor("output", (torch.int64,))],
    attributes=[integer("num_classes")],
    reference=lambda self, num_classes: self.new_zeros((*self.shape, num_classes)).scatter(
        -1, self.unsqueeze(-1), 1
    ),
    cases=lambda: [
        Case((numbers(*shape, below=5),), {"num_classes": 5})
        for shape in ((), (3,), (4, 17), (0, 2))
    ],
)


@lowers("aten.one_hot.default")
def one_hot(b: Builder, a: dict[str, Any]) -> Value | None:
    """Only with a number of classes: else it would depend on the data."""
    if isinstance(a["num_classes"], int) and a["num_classes"] < 1:
        return None
    result: Value = b.emit("one_hot", [a["self"]], {"num_classes": a["num_classes"]})
    return result
