"""What lowerings do to aten arguments before they emit rows: axes counted from 0, pairs, casts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.strides import equal

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


HALF = (torch.float16, torch.bfloat16)

# What elements that meet are joined in: halves are rounded once, truths become (sum != 0).
EXACT = {**dict.fromkeys(HALF, torch.float32), torch.bool: torch.int32}


def axis(dim: int, rank: int) -> int:
    """`dim` counted from 0; a 0-d tensor counts as one of rank 1."""
    return dim % max(rank, 1)


def axes(dims: Sequence[int] | int | None, rank: int) -> tuple[int, ...]:
    """The axes that `dims` names, in order and counted from 0: all of them for None and ()."""
    if isinstance(dims, int):
        dims = (dims,)
    return tuple(sorted(d % rank for d in dims)) if dims and rank else tuple(range(rank))


def pair(sizes: Sequence[Any], default: Sequence[Any] = ()) -> tuple[Any, Any]:
    """(height, width) from one number for both or two; from `default` where there are none."""
    given = tuple(sizes) or tuple(default)
    return (given[0], given[-1])


def cast(b: Builder, x: Value, dtype: torch.dtype | None) -> Value:
    """x as `dtype`; x itself where that changes nothing."""
    if dtype is None or x.dtype == dtype:
        return x
    result: Value = b.call("aten._to_copy.default", self=x, dtype=dtype)
    return result


def as_line(b: Builder, x: Value) -> Value:
    """A 0-d tensor as one of a single element; others as they are."""
    if x.rank > 0:
        return x
    result: Value = b.emit("reshape", [x], {"size": (1,)})
    return result


def in_shape(b: Builder, x: Value, shape: Sequence[Any]) -> Value:
    """The elements of x in another shape; x itself where that changes nothing."""
    if len(shape) == x.rank and all(equal(m, n) for m, n in zip(shape, x.shape, strict=True)):
        return x
    result: Value = b.emit("reshape", [x], {"size": tuple(shape)})
    return result


def as_float32(b: Builder, x: Value | None) -> Value | None:
    """x as float32; None for an absent operand."""
    return None if x is None else cast(b, x, torch.float32)


def expand(b: Builder, x: Value, shape: Sequence[Any]) -> Value:
    """x broadcast to `shape`; x itself where that changes nothing."""
    if len(shape) == x.rank and all(equal(m, n) for m, n in zip(shape, x.shape, strict=True)):
        return x
    result: Value = b.emit("expand", [x], {"size": tuple(shape)})
    return result


def in_float32(function: Callable[[Builder, dict[str, Any]], Any]) -> Any:
    """A lowering whose float16 and bfloat16 tensors are computed in float32 and rounded once."""

    def lowering(b: Builder, a: dict[str, Any]) -> Any:
        halves = {name: x for name, x in a.items() if getattr(x, "dtype", None) in HALF}
        if not halves:
            return function(b, a)
        wide = {name: cast(b, x, torch.float32) for name, x in halves.items()}
        result = function(b, {**a, **wide})
        return None if result is None else cast(b, result, next(iter(halves.values())).dtype)

    return lowering
