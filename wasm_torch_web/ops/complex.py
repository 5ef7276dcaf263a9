"""Complex tensors: lowered to their real and imaginary parts, a real tensor with a last axis of 2.

`view_as_real` and `view_as_complex` cost nothing, so no kernel but `copy` knows a complex number.
Conjugates and negatives are computed where PyTorch only marks them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import cast, expand
from wasm_torch_web.ops.pointwise import Promotion, promoted
from wasm_torch_web.ops.samples import normal
from wasm_torch_web.ops.table import COMPLEX, Case, is_complex, lowers, lowers_complex, row, tensor
from wasm_torch_web.strides import Place, Size, Sizes, broadcast_shape, divides, equal, floor_divide

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

# The dtype of the parts.
PART: dict[torch.dtype, torch.dtype] = {dtype: dtype.to_real() for dtype in COMPLEX}
WHOLE = {part: dtype for dtype, part in PART.items()}
PARTS = tuple(WHOLE)


def _view_parts(shape: Sizes, strides: Sizes, offset: Size) -> Place:
    return (*shape, 2), (*(2 * step for step in strides), 1), 2 * offset


def _view_pairs(shape: Sizes, strides: Sizes, offset: Size) -> Place | None:
    places = zip((*shape[:-1], 2), (*strides[:-1], offset), strict=True)
    if not equal(strides[-1], 1) or not all(n == 1 or divides(2, step) for n, step in places):
        return None
    steps = tuple(0 if step == 0 else floor_divide(step, 2) for step in strides[:-1])
    return shape[:-1], steps, floor_divide(offset, 2)


def _cases(function: Callable[[torch.dtype], torch.Tensor]) -> Callable[[], list[Case]]:
    return lambda: [Case((function(dtype),)) for dtype in COMPLEX[:2]]


row(
    "view_as_real",
    inputs=[tensor("self", COMPLEX, "strided")],
    outputs=[tensor("output", PARTS, "strided")],
    reference=lambda self: torch.view_as_real(self.resolve_conj()),
    view=_view_parts,
    cases=_cases(lambda dtype: normal(3, 5, dtype=dtype).t()),
)
row(
    "view_as_complex",
    inputs=[tensor("self", PARTS, "strided")],
    outputs=[tensor("output", COMPLEX, "strided")],
    reference=lambda self: torch.view_as_complex(self.contiguous()),
    view=_view_pairs,
    cases=_cases(lambda dtype: torch.view_as_real(normal(5, 3, dtype=dtype))),
)


# --- parts ---


def parts(b: Builder, x: Any, dtype: torch.dtype | None = None) -> Value:
    """(..., 2) real: a complex value or number, or a real one beside zeros; `dtype` is complex."""
    if not hasattr(x, "shape"):
        return b.constant(torch.view_as_real(torch.tensor(complex(x), dtype=dtype)))
    part = None if dtype is None else PART[dtype]
    if x.dtype.is_complex:
        return cast(b, _seen_as_parts(b, x), part)
    real = cast(b, x, part)
    return stacked(b, real, b.call("aten.full_like.default", self=real, fill_value=0))


def _seen_as_parts(b: Builder, x: Value) -> Value:
    producer = x.producer
    if producer is not None and producer.row.name == "view_as_complex":
        (source,) = producer.inputs
        assert source is not None
        return source
    result: Value = b.emit("view_as_real", [x], {})
    return result


def joined(b: Builder, pairs: Value) -> Value:
    """(..., 2) real as complex."""
    result: Value = b.emit("view_as_complex", [pairs], {})
    return result


def stacked(b: Builder, real: Value, imaginary: Value) -> Value:
    """(..., 2) of the two parts, which broadcast."""
    shape = broadcast_shape([real.shape, imaginary.shape])
    tensors = [expand(b, one, shape) for one in (real, imaginary)]
    result: Value = b.call("aten.stack.default", tensors=tensors, dim=-1)
    return result


def _part(b: Builder, pairs: Value, index: int) -> Value:
    result: Value = b.emit("select", [pairs], {"dim": pairs.rank - 1, "index": index})
    return result


def split(b: Builder, x: Any, dtype: torch.dtype | None = None) -> tuple[Value, Value]:
    """The real and the imaginary part of a complex value or number."""
    pairs = parts(b, x, dtype)
    return _part(b, pairs, 0), _part(b, pairs, 1)


_BINARY = ("add", "sub", "mul", "div", "eq", "ne", "lt", "gt", "ge")


class Reals:
    """Real arithmetic by name: `r.mul(x, y)` is aten.mul.Tensor of values and numbers."""

    def __init__(self, b: Builder) -> None:
        self.b = b

    def __getattr__(self, name: str) -> Callable[..., Any]:
        names: tuple[str, ...] = ("self", "other")
        variant = "Tensor" if name in _BINARY else "default"
        if name == "where":
            names, variant = ("condition", "self", "other"), "self"

        def call(*operands: Any) -> Any:
            given = dict(zip(names, operands, strict=False))
            return self.b.call(f"aten.{name}.{variant}", **given)

        return call


Pair = tuple[Any, Any]


# --- what the lowerings share ---


def result_dtype(*operands: Any) -> torch.dtype:
    """That of a result, as PyTorch promotes the operands."""
    return promoted(operands)[1]


def computed_dtype(dtype: torch.dtype) -> torch.dtype:
    """complex32 computes in complex64."""
    return torch.complex64 if dtype == torch.complex32 else dtype


def rounded(b: Builder, pairs: Value, dtype: torch.dtype) -> Value:
    """Parts as a complex value of a dtype."""
    return joined(b, cast(b, pairs, PART[dtype]))


def is_real(x: Any) -> bool:
    """Of a value or number."""
    return not is_complex(x)


def both(b: Builder, pairs: Value, name: str = "logical_and") -> Any:
    """The two parts, which are bools, as one."""
    return getattr(Reals(b), name)(_part(b, pairs, 0), _part(b, pairs, 1))


def nonzero(b: Builder, x: Any) -> Any:
    """Whether it is not 0: a bool of a value."""
    if is_real(x):
        return cast(b, x, torch.bool)
    return both(b, Reals(b).ne(parts(b, x), 0), "logical_or")


# --- making and taking apart ---


@lowers("aten.view_as_real.default")
def view_as_real(b: Builder, a: dict[str, Any]) -> Value:
    """(..., 2), no copy."""
    return parts(b, a["self"])


@lowers("aten.view_as_complex.default")
def view_as_complex(b: Builder, a: dict[str, Any]) -> Value:
    """No copy where the parts are neighbours in memory."""
    return joined(b, a["self"])


@lowers_complex("aten.view.dtype")
def view_dtype(b: Builder, a: dict[str, Any]) -> Value | None:
    """As its parts, along the last axis."""
    x = a["self"]
    if not x.dtype.is_complex or PART[x.dtype] != a["dtype"] or x.rank == 0:
        return None
    pairs = parts(b, x)
    result: Value = b.emit("reshape", [pairs], {"size": (*x.shape[:-1], 2 * x.shape[-1])})
    return result


@lowers("aten.real.default")
def real(b: Builder, a: dict[str, Any]) -> Value:
    """The real part; a real tensor itself."""
    x: Value = a["self"]
    return split(b, x)[0] if x.dtype.is_complex else x


@lowers("aten.imag.default")
def imag(b: Builder, a: dict[str, Any]) -> Value:
    """The imaginary part."""
    return split(b, a["self"])[1]


@lowers("aten.complex.default")
def complex_(b: Builder, a: dict[str, Any]) -> Value:
    """Of two parts, which broadcast."""
    return joined(b, stacked(b, a["real"], a["imag"]))


@lowers("aten.polar.default")
def polar(b: Builder, a: dict[str, Any]) -> Value:
    """Of magnitudes and angles."""
    r = Reals(b)
    size, angle_ = a["abs"], a["angle"]
    return joined(b, stacked(b, r.mul(size, r.cos(angle_)), r.mul(size, r.sin(angle_))))


@lowers(
    "aten._conj.default",
    "aten.conj.default",
    "aten._conj_physical.default",
    "aten.conj_physical.default",
)
def conj(b: Builder, a: dict[str, Any]) -> Value:
    """The imaginary part negated; a real tensor itself."""
    x: Value = a["self"]
    if not x.dtype.is_complex:
        return x
    sign = b.constant(torch.tensor([1.0, -1.0], dtype=PART[x.dtype]))
    return joined(b, Reals(b).mul(parts(b, x), sign))


@lowers("aten.resolve_conj.default", "aten.resolve_neg.default")
def resolve(b: Builder, a: dict[str, Any]) -> Value:
    """Nothing is marked here."""
    result: Value = a["self"]
    return result


@lowers("aten._neg_view.default")
def neg_view(b: Builder, a: dict[str, Any]) -> Any:
    """Computed where PyTorch marks it."""
    return b.call("aten.neg.default", self=a["self"])


@lowers_complex("aten.abs.default")
def abs_(b: Builder, a: dict[str, Any]) -> Any:
    """The magnitude."""
    return Reals(b).hypot(*split(b, a["self"]))


@lowers("aten.angle.default")
def angle(b: Builder, a: dict[str, Any]) -> Any:
    """atan2 of the parts; of real numbers 0 or pi, and NaN of NaN."""
    x, r = a["self"], Reals(b)
    if x.dtype.is_complex:
        real_, imaginary = split(b, x)
        return r.atan2(imaginary, real_)
    dtype = promoted([x], Promotion.INT_TO_FLOAT)[1]
    x = cast(b, x, dtype)
    pi = b.scalar(torch.pi, dtype)
    zero = b.scalar(0.0, dtype)
    return r.where(r.isnan(x), x, r.where(r.lt(x, 0.0), pi, zero))


@lowers_complex("aten._to_copy.default")
def to_copy(b: Builder, a: dict[str, Any]) -> Value | None:
    """Between complex dtypes, to the real part, or of a real tensor."""
    x: Value = a["self"]
    dtype: torch.dtype | None = a["dtype"]
    if dtype is None or dtype == x.dtype:
        return x
    if dtype.is_complex:
        return joined(b, parts(b, x, dtype))
    if dtype == torch.bool:
        truth: Value = nonzero(b, x)
        return truth
    return cast(b, split(b, x)[0], dtype)
