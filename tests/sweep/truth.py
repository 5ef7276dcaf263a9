"""Outputs in half precision in, whether they are as near as PyTorch's to those of float64 out.

Many operators of PyTorch add up in half precision, or round to it after each of their steps; a
program rounds once. Where the two differ by more than a rounding, the call in float64 decides.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sweep.samples import Sample, outputs

HALVES = (torch.float16, torch.bfloat16)


def as_near_as_pytorch(sample: Sample, given: Sequence[Tensor], eager: Sequence[Tensor]) -> bool:
    """Whether no output in half precision is further from the truth than eager PyTorch's, and the
    others are equal."""
    wide = _in_double(sample)
    with torch.no_grad():
        truth = [leaf for _, leaf in outputs([wide.call([t.clone() for t in wide.tensors])])]
    return all(map(_near, given, eager, truth))


def _in_double(sample: Sample) -> Sample:
    op = copy.deepcopy(sample.op).double() if isinstance(sample.op, nn.Module) else sample.op
    tensors = tuple(t.double() if t.dtype in HALVES else t for t in sample.tensors)
    leaves = tuple(torch.float64 if _is_half(leaf) else leaf for leaf in sample.leaves)
    return dataclasses.replace(sample, op=op, tensors=tensors, leaves=leaves)


def _is_half(leaf: Any) -> bool:
    return isinstance(leaf, torch.dtype) and leaf in HALVES


def _near(given: Tensor, eager: Tensor, truth: Any) -> bool:
    if eager.dtype not in HALVES:
        return torch.equal(given, eager)
    ours, theirs = ((one.double() - truth).abs() for one in (given, eager))
    return bool((ours <= theirs.max()).all())
