"""Tensors made of numbers: constants and ranges. Sizes and numbers may be expressions of sizes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import EXACT, cast
from wasm_torch_web.ops.pointwise import emit
from wasm_torch_web.ops.table import (
    ALL,
    Case,
    dtype,
    integer,
    integers,
    is_complex,
    lowers,
    real,
    row,
    tensor,
)
from wasm_torch_web.strides import floor_divide, maximum

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def _full_cases() -> Iterator[Case]:
    for one in ALL:
        yield Case((), {"size": (3, 5), "value": 3.0, "dtype": one})
    for size in ((), (0,), (1,), (17,), (70000,)):
        yield Case((), {"size": size, "value": -1.5, "dtype": torch.float32})
    for value in (math.nan, -math.inf, -0.0, 1e-40):
        yield Case((), {"size": (5,), "value": value, "dtype": torch.float32})
    yield Case((), {"size": (5,), "value": -(2.0**63), "dtype": torch.int64})


row(
    "full",
    outputs=[tensor("output", ALL, "like")],
    attributes=[integers("size"), real("value"), dtype("dtype")],
    reference=lambda size, value, dtype: torch.full(size, value, dtype=torch.float64).to(dtype),
    cases=_full_cases,
)


def _arange_cases() -> Iterator[Case]:
    for one in ALL:
        yield Case((), {"size": 11, "start": 3, "step": 2, "dtype": one})
    for size in (0, 1, 4, 5, 70000):
        yield Case((), {"size": size, "start": 7, "step": -3, "dtype": torch.int64})
    yield Case((), {"size": 3, "start": 2**62, "step": 1, "dtype": torch.int64})


# `size` whole numbers from `start`, `step` apart.
row(
    "arange",
    outputs=[tensor("output", ALL)],
    attributes=[integer("size"), integer("start", 0), integer("step", 1), dtype("dtype")],
    reference=lambda size, start, step, dtype: (torch.arange(size) * step + start).to(dtype),
    cases=_arange_cases,
)


def _default_dtype(*numbers: Any) -> torch.dtype:
    """What PyTorch makes of Python numbers."""
    if all(isinstance(number, bool) for number in numbers):
        return torch.bool
    whole = all(_is_whole(number) for number in numbers)
    return torch.int64 if whole else torch.get_default_dtype()


def _is_whole(number: Any) -> bool:
    """Whether a number is an int, or an expression that is one for all sizes."""
    return isinstance(number, int) or bool(getattr(number, "is_integer", False) is True)


def _full(b: Builder, size: Sequence[Any], value: Any, dtype: torch.dtype | None) -> Value:
    """`full`; integers that no float64 holds are one element, expanded."""
    dtype = dtype or _default_dtype(value)
    result: Value
    if isinstance(value, int) and float(value) != value:
        result = b.call("aten.expand.default", self=b.scalar(value, dtype), size=list(size))
    else:
        result = b.emit("full", [], {"size": list(size), "value": value, "dtype": dtype})
    return result


@lowers("aten.full.default")
def full(b: Builder, a: dict[str, Any]) -> Value:
    """A tensor of one number."""
    return _full(b, a["size"], a["fill_value"], a["dtype"])


@lowers("aten.full_like.default")
def full_like(b: Builder, a: dict[str, Any]) -> Value:
    """In the shape of another tensor."""
    return _full(b, a["self"].shape, a["fill_value"], a["dtype"] or a["self"].dtype)


@lowers("aten.fill.Scalar")
def fill(b: Builder, a: dict[str, Any]) -> Value:
    """The shape and dtype of `self`, one number."""
    return _full(b, a["self"].shape, a["value"], a["self"].dtype)


@lowers("aten.fill.Tensor")
def fill_tensor(b: Builder, a: dict[str, Any]) -> Any:
    """The shape and dtype of `self`, the number of a 0-d tensor."""
    value = cast(b, a["value"], a["self"].dtype)
    return b.call("aten.expand.default", self=value, size=list(a["self"].shape))


@lowers("aten.empty.memory_format", "aten.empty_strided.default", "aten.empty_permuted.default")
def empty(b: Builder, a: dict[str, Any]) -> Value:
    """Zeros: contents that nobody may rely on."""
    return _full(b, a["size"], 0, a["dtype"] or torch.get_default_dtype())


@lowers("aten.scalar_tensor.default")
def scalar_tensor(b: Builder, a: dict[str, Any]) -> Value:
    """A number as a 0-d tensor."""
    return b.scalar(a["s"], a["dtype"] or torch.get_default_dtype())


@lowers("aten.arange.start_step")
def arange(b: Builder, a: dict[str, Any]) -> Value | None:
    """Whole numbers, or float64 ones rounded once."""
    start, end, step = a["start"], a["end"], a["step"]
    dtype = a["dtype"] or _default_dtype(start, end, step)
    if dtype == torch.int64:  # as PyTorch does: fractions are dropped first
        start, end, step = (int(x) if isinstance(x, float) else x for x in (start, end, step))
    if all(_is_whole(number) for number in (start, end, step)):
        steps: Any = floor_divide(start - end, step)
        return _arange(b, maximum(-steps, 0), start, step, dtype)
    if not all(isinstance(number, (int, float)) for number in (start, end, step)):
        return None
    size = math.ceil((end - start) / step)
    if not dtype.is_floating_point:
        return _arange(b, size, int(start), int(step), dtype)
    index = _arange(b, size, 0, 1, torch.float64)
    return emit(b, "addcmul", [start, index, step], torch.float64, dtype, value=1)


def _arange(b: Builder, size: Any, start: Any, step: Any, dtype: torch.dtype) -> Value:
    attributes = {"size": size, "start": start, "step": step, "dtype": dtype}
    result: Value = b.emit("arange", [], attributes)
    return result


@lowers(
    "aten.linspace.default",
    "aten.linspace.Tensor_Tensor",
    "aten.linspace.Tensor_Scalar",
    "aten.linspace.Scalar_Tensor",
)
def linspace(b: Builder, a: dict[str, Any]) -> Value | None:
    """Each number from the nearer end. Whole ones: of whole ends, in float64, the fraction dropped.

    PyTorch's own decomposition drops fractions of the ends too late.
    """
    start, end, size = a["start"], a["end"], a["steps"]
    dtype = a["dtype"] or (torch.get_default_dtype() if not is_complex([start, end]) else None)
    if dtype in (torch.bool, None):
        return None
    whole = not (dtype.is_floating_point or dtype.is_complex)
    wide = torch.float64 if whole else EXACT.get(dtype, dtype)
    start, end = (_end(b, x, dtype if whole else wide, wide) for x in (start, end))
    length = b.call("aten.sub.Tensor", self=end, other=start)
    steps = b.scalar(maximum(size - 1, 1), wide.to_real())
    step = b.call("aten.div.Tensor", self=length, other=steps)
    index = _arange(b, size, 0, 1, torch.int64)
    back = _arange(b, size, size - 1, -1, torch.int64)
    half = b.scalar(maximum(floor_divide(size, 2), 1), torch.int64)
    near = b.call("aten.lt.Tensor", self=index, other=half)
    rising = _along(b, "add", start, step, cast(b, index, wide.to_real()))
    falling = _along(b, "sub", end, step, cast(b, back, wide.to_real()))
    return cast(b, b.call("aten.where.self", condition=near, self=rising, other=falling), dtype)


def _end(b: Builder, x: Any, first: torch.dtype, dtype: torch.dtype) -> Value:
    """An end, a number or a 0-d tensor, as a tensor; as `first` before."""
    if isinstance(x, (int, float, complex)):
        return b.constant(torch.tensor(x, dtype=first).to(dtype))
    return cast(b, cast(b, x, first) if hasattr(x, "dtype") else b.scalar(x, first), dtype)


def _along(b: Builder, name: str, start: Value, step: Value, index: Value) -> Value:
    """start + step * index, or minus."""
    way = b.call("aten.mul.Tensor", self=index, other=step)
    result: Value = b.call(f"aten.{name}.Tensor", self=start, other=way)
    return result
