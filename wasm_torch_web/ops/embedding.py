"""Rows of a table, of floats or of integers, by number; class numbers as one-hot rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.integers import packed, unpack
from wasm_torch_web.ops.samples import normal, numbers
from wasm_torch_web.ops.table import ALL, F32, INDEX, Case, integer, lowers, row, tensor

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


def _quantized_embedding(
    weight: torch.Tensor, scale: torch.Tensor, indices: torch.Tensor, rows: int, width: int
) -> torch.Tensor:
    whole = F.embedding(indices, unpack(weight)[:rows, :width])
    return whole * F.embedding(indices, scale[:rows, None])


def _quantized_cases() -> Iterator[Case]:
    for rows, width in ((1, 1), (9, 3), (11, 4), (16, 17), (300, 384)):
        weight, scale, _, _ = packed(normal(rows, width), None)
        attributes = {"rows": rows, "width": width}
        for indices in (numbers(3, 5, below=rows).t(), numbers(below=rows).int()):
            yield Case((weight, scale, indices), attributes)
    yield Case((weight, scale, numbers(2, 0, below=300)), attributes)


row(
    "quantized_embedding",
    # weight and scale: those of `quantized_linear`, which may read the same constants.
    inputs=[
        tensor("weight", (torch.int8,)),
        tensor("scale", F32),
        tensor("indices", INDEX, "strided"),
    ],
    outputs=[tensor("output", F32)],
    attributes=[integer("rows"), integer("width")],
    reference=_quantized_embedding,
    cases=_quantized_cases,
)


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
