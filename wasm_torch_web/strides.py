"""Arithmetic of sizes and strides, in numbers or sympy expressions of symbols.

Comparisons answer True only where they hold for every value of the symbols.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Sequence
from typing import TypeAlias

import sympy
from torch.utils._sympy.functions import FloorDiv, Max, Min

Size: TypeAlias = "int | sympy.Expr"
Sizes: TypeAlias = tuple[Size, ...]
Place: TypeAlias = tuple[Sizes, Sizes, Size]  # shape, strides and offset in elements


def equal(a: Size, b: Size) -> bool:
    """Whether a and b are the same for all values of the symbols."""
    return bool(a == b) or sympy.expand(sympy.sympify(a) - b) == 0


def product(sizes: Sequence[Size]) -> Size:
    """The product of the sizes; 1 for none."""
    return math.prod(sizes)


def minimum(a: Size, b: Size) -> Size:
    """The smaller of a and b; an expression where that depends on symbols."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    return Min(a, b)  # type: ignore[no-untyped-call]


def maximum(a: Size, b: Size) -> Size:
    """The larger of a and b; an expression where that depends on symbols."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    return Max(a, b)  # type: ignore[no-untyped-call]


def floor_divide(a: Size, b: Size) -> Size:
    """a // b, rounded down."""
    return a // b if isinstance(a, int) and isinstance(b, int) else FloorDiv(a, b)


def divides(a: Size, b: Size) -> bool:
    """Whether b is a whole multiple of a, for all values of the symbols."""
    if isinstance(a, int) and isinstance(b, int):
        return a != 0 and b % a == 0
    return bool(sympy.fraction(sympy.cancel(sympy.sympify(b) / a))[1] == 1)


def broadcast_shape(shapes: Sequence[Sizes]) -> Sizes:
    """The shape that tensors of these shapes broadcast to."""
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + tuple(shape) for shape in shapes]
    return tuple(next((n for n in sizes if n != 1), 1) for sizes in zip(*padded, strict=True))


def contiguous_strides(shape: Sizes) -> Sizes:
    """Strides of a dense tensor in logical order; as PyTorch's, axes of size 0 count as 1."""
    strides: list[Size] = []
    step: Size = 1
    for size in reversed(shape):
        strides.append(step)
        step = step * (1 if size == 0 else size)
    return tuple(reversed(strides))


def ordered_strides(shape: Sizes, order: tuple[int, ...]) -> Sizes:
    """Strides of a tensor that is dense with its axes in `order`, outermost first."""
    dense = contiguous_strides(tuple(shape[axis] for axis in order))
    return tuple(dense[order.index(axis)] for axis in range(len(shape)))


def clamp_index(index: Size, size: Size) -> Size:
    """A slice's bound as PyTorch reads it: negative ones count from the end, all lie in 0..size."""
    if isinstance(index, int) or index.is_nonnegative or index.is_negative:
        if index == sys.maxsize or equal(index, size):
            return size
        return minimum(index, size) if index >= 0 else maximum(index + size, 0)
    wrapped = sympy.Piecewise((index + size, index < 0), (index, True))
    return minimum(maximum(wrapped, 0), size)


def resolve_size(shape: Sizes, size: Sizes) -> Sizes:
    """The sizes that `reshape(size)` gives a tensor of this shape: -1 is what remains."""
    if -1 not in size:
        return size
    rest = product([s for s in size if s != -1])
    missing = 0 if rest == 0 else floor_divide(product(shape), rest)
    return tuple(missing if s == -1 else s for s in size)


def view_strides(shape: Sizes, strides: Sizes, size: Sizes) -> Sizes | None:
    """Strides that show the same elements in the new shape, or None where only a copy can.

    Splits both shapes, from the last axis on, into the smallest groups of axes with equal
    products: each group of old axes must be one evenly spaced run of elements.
    """
    if 0 in size or 0 in shape:
        return contiguous_strides(size)
    axes = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    result: list[Size] = []
    todo = list(size)
    while axes or todo:
        group, sizes = _next_group(axes, todo)
        if any(not equal(a[1], b[0] * b[1]) for a, b in itertools.pairwise(group)):
            return None
        step = group[-1][1] if group else 1
        for n in reversed(sizes):
            result.append(step)
            step = step * n
    return tuple(reversed(result))


def _next_group(
    axes: list[tuple[Size, Size]], todo: list[Size]
) -> tuple[list[tuple[Size, Size]], list[Size]]:
    """Takes from the ends of `axes` and `todo` as many axes as have equal products."""
    group, sizes = axes[-1:], todo[-1:]
    del axes[-1:], todo[-1:]
    while not equal(have := product([n for n, _ in group]), want := product(sizes)):
        if axes and (divides(have, want) or not todo):
            group.insert(0, axes.pop())
        elif todo:
            sizes.insert(0, todo.pop())
        else:
            break
    return group, sizes
