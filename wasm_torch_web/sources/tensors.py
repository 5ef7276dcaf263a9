"""Tensors from a file in, nothing out: refuses those whose size or kind the file does not back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.utils import _pytree as pytree

from wasm_torch_web.errors import UserError
from wasm_torch_web.ops.table import DTYPES

MAX_NAME = 1000
MAX_ELEMENTS = 1 << 28  # of an example input


def check_tensors(path: Path, tensors: Mapping[str, torch.Tensor], file_bytes: int) -> None:
    """Raises UserError weights-suspicious for the first tensor that is not plain and backed.

    `weights_only` guards against code alone: a 1.6 KB file can hold 10^12 elements of stride 0.
    """
    total, seen = 0, set()
    for name, tensor in tensors.items():
        reason = _name_reason(name) or _reason(tensor)
        if not reason and tensor.untyped_storage().data_ptr() not in seen:
            seen.add(tensor.untyped_storage().data_ptr())
            total += tensor.untyped_storage().nbytes()
            if total > file_bytes:
                reason = f"the tensors need {total:,} bytes, more than the file"
        if reason:
            raise UserError("weights-suspicious", path=path, name=name, reason=reason)


def check_examples(path: Path, examples: Any) -> None:
    """Raises UserError weights-suspicious for example inputs too large to compute with."""
    for key, leaf in pytree.tree_flatten_with_path(examples)[0]:
        if isinstance(leaf, torch.Tensor) and leaf.numel() > MAX_ELEMENTS:
            name = f"example_inputs{pytree.keystr(key)}"
            reason = f"{leaf.numel():,} elements"
            raise UserError("weights-suspicious", path=path, name=name, reason=reason)


def _name_reason(name: str) -> str:
    if len(name) > MAX_NAME or not name.isprintable():
        return "its name is too long or holds control characters"
    return ""


def _reason(tensor: torch.Tensor) -> str:
    if tensor.device.type == "meta":
        return "it has no data (device meta)"
    if tensor.is_quantized:
        return f"it is quantised ({tensor.dtype})"
    if tensor.layout != torch.strided:
        return f"its layout is {tensor.layout}"
    if tensor.dtype not in DTYPES:
        return f"its dtype is {tensor.dtype}"
    if tensor.numel() * tensor.itemsize > tensor.untyped_storage().nbytes():
        return f"{tensor.numel():,} elements do not fit in its storage"
    if _overlaps(tensor):
        return "its elements overlap"
    return ""


def _overlaps(tensor: torch.Tensor) -> bool:
    """Whether two indices may mean one element: an axis steps less than the ones inside it span."""
    axes = sorted(
        (stride, size)
        for stride, size in zip(tensor.stride(), tensor.shape, strict=True)
        if size > 1
    )
    span = 1
    for stride, size in axes:
        if stride < span:
            return True
        span += stride * (size - 1)
    return False
