"""Calls that find places of elements in, calls that give what is there out, where some are equal.

Which of equal elements comes first is left open by PyTorch, and depends on the machine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweep.samples import Sample

# The last output of these has places along `dim`; where that stands after the tensor.
DIM = {"argsort": 0, "kthvalue": 1, "mode": 0, "sort": 0, "topk": 1}


def by_element(name: str, sample: Sample) -> Sample:
    """The sample; with ties that `stable` does not settle, one whose places are elements."""
    if name not in DIM:
        return sample
    (x,) = sample.tensors
    tied = x.unique().numel() < x.numel()
    return dataclasses.replace(sample, op=_found(sample.op, DIM[name])) if tied else sample


def _found(op: Callable[..., Any], position: int) -> Callable[..., Any]:
    """What lies at the places, and whether each is named once, beside the other outputs."""

    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("stable"):
            return op(x, *args, **kwargs)
        dim = kwargs.get("dim", args[position] if len(args) > position else -1)
        result = op(x, *args, **kwargs)
        *others, places = [result] if hasattr(result, "shape") else result
        kept = places if places.dim() == x.dim() else places.unsqueeze(dim)
        once = (kept.sort(dim).values.diff(dim=dim) != 0).all()
        return *others, x.gather(dim, kept), once

    return call
