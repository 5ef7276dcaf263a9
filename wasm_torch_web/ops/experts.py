"""Mixtures of experts: how many tokens go to each, and products with the weights of the chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import in_float32
from wasm_torch_web.ops.table import lowers

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


@lowers("aten.histc.default")
def histc(b: Builder, a: dict[str, Any]) -> Value | None:
    """How many elements lie between neighbours of evenly spaced edges; the last belongs too."""
    x, bins, low, high = a["self"], a["bins"], a["min"], a["max"]
    if low == high or x.dtype not in (torch.float32, torch.float64):
        return None  # equal edges ask for those of the data
    x = b.call("aten.view.default", self=x, size=[x.numel, 1])
    edges = b.constant(torch.linspace(low, high, bins + 1, dtype=x.dtype))
    place = b.call("aten.searchsorted.Tensor", sorted_sequence=edges, self=x, right=True)
    place = b.call("aten.clamp.default", self=place, max=bins)
    hit = b.call("aten.eq.Tensor", self=place, other=b.constant(torch.arange(1, bins + 1)))
    for target, edge in (("aten.ge.Scalar", low), ("aten.le.Scalar", high)):  # NaN is neither
        inside = b.call(target, self=x, other=edge)
        hit = b.call("aten.logical_and.default", self=hit, other=inside)
    result: Value = b.call("aten.sum.dim_IntList", self=hit, dim=[0], dtype=x.dtype)
    return result


@lowers("transformers.grouped_mm_fallback.default")
@in_float32
def grouped_mm(b: Builder, a: dict[str, Any]) -> Value:
    """Rows (S, K) in the order of their experts, weights (experts, K, N), where each expert's rows
    end -> (S, N), zeros after the last; each row is multiplied with a copy of its weights."""
    x, weight, ends = a["input"], a["weight"], a["offs"]
    rows, experts = x.shape[0], weight.shape[0]
    index = b.call("aten.arange.start_step", start=0, end=rows, step=1, dtype=torch.int64)
    index = b.call("aten._to_copy.default", self=index, dtype=ends.dtype)
    expert = b.call("aten.searchsorted.Tensor", sorted_sequence=ends, self=index, right=True)
    taken = b.call("aten.clamp.default", self=expert, max=experts - 1)
    chosen = b.call("aten.index_select.default", self=weight, dim=0, index=taken)
    y = b.call(
        "aten.bmm.default", self=b.call("aten.unsqueeze.default", self=x, dim=1), mat2=chosen
    )
    y = b.call("aten.view.default", self=y, size=[rows, weight.shape[2]])
    beyond = b.call("aten.ge.Scalar", self=expert, other=experts)
    beyond = b.call("aten.unsqueeze.default", self=beyond, dim=1)
    result: Value = b.call("aten.masked_fill.Scalar", self=y, mask=beyond, value=0)
    return result
