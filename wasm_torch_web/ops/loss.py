"""Losses that PyTorch neither decomposes nor has in core ATen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import cast, in_float32
from wasm_torch_web.ops.table import lowers

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


@in_float32
def _cross_entropy(b: Builder, a: dict[str, Any]) -> Value:
    """Of a linear layer's outputs and class numbers: of each row, or their weighted mean or sum."""
    dtype = a["input"].dtype
    bias = None if a["linear_bias"] is None else cast(b, a["linear_bias"], dtype)
    weight = cast(b, a["linear_weight"], dtype)
    logits = b.call("aten.linear.default", input=a["input"], weight=weight, bias=bias)
    logs = b.call("aten._log_softmax.default", self=logits, dim=1, half_to_float=False)
    kept = b.call("aten.ne.Scalar", self=a["target"], other=a["ignore_index"])
    target = b.call("aten.mul.Tensor", self=a["target"], other=cast(b, kept, torch.int64))
    index = b.emit("unsqueeze", [target], {"dim": 1})
    found = b.call("aten.gather.default", self=logs, dim=1, index=index)
    weights = cast(b, kept, dtype)
    if a["weight"] is not None:
        of_class = b.call("aten.index_select.default", self=a["weight"], dim=0, index=target)
        weights = b.call("aten.mul.Tensor", self=weights, other=cast(b, of_class, dtype))
    losses = b.call(
        "aten.mul.Tensor",
        self=b.emit("select", [found], {"dim": 1, "index": 0}),
        other=b.call("aten.neg.default", self=weights),
    )
    reduction = a.get("reduction", "none")
    if reduction == "none":
        result: Value = losses
        return result
    total: Value = b.call("aten.sum.default", self=losses)
    if reduction == "mean":
        total = b.call(
            "aten.div.Tensor", self=total, other=b.call("aten.sum.default", self=weights)
        )
    return total


@lowers("torch_nn._linear_cross_entropy_batch_chunked_no_reduction.default")
def linear_cross_entropy_rows(b: Builder, a: dict[str, Any]) -> Value:
    """All rows at once: chunks only save memory."""
    result: Value = _cross_entropy(b, a)
    return result


@lowers("torch_nn._linear_cross_entropy_batch_chunked.default")
def linear_cross_entropy(b: Builder, a: dict[str, Any]) -> Any:
    """The loss, and no gradients: of inputs, weights and bias."""
    if any(a[f"compute_{name}_grad"] for name in ("input", "linear_weight", "linear_bias")):
        return None
    dtype = a["input"].dtype
    empty = [b.constant(torch.zeros(shape, dtype=dtype)) for shape in ((0, 0), (0, 0), (0,))]
    return (_cross_entropy(b, a), *empty)
