"""Complex tensors: lowered to their real and imaginary parts, a real tensor with a last axis of 2.

`view_as_real` and `view_as_complex` cost nothing, so no kernel but `copy` knows a complex number.
Conjugates and negatives are computed where PyTorch only marks them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    both = [expand(b, part, shape) for part in (real, imaginary)]
    result: Value = b.call("aten.stack.default", tensors=both, dim=-1)
    return result


def _part(b: Builder, pairs: Value, index: int) -> Value:
    result: Value = b.emit("select", [pairs], {"dim": pairs.rank - 1, "index": index})
    return result


def split(b: Builder, x: Any, dtype: torch.dtype | None = None) -> tuple[Value, Value]:
    """The real and the imaginary part of a complex value or number."""
    pairs = parts(b, x, dtype)
    return _part(b, pairs, 0), _part(b, pairs, 1)


class Reals:
    """Real arithmetic by name: `r.mul(x, y)` is aten.mul.Tensor of values and numbers."""

    def __init__(self, b: Builder) -> None:
        self.b = b

    def __getattr__(self, name: str) -> Callable[..., Any]:
        binary = name in ("add", "sub", "mul", "div", "eq", "ne", "lt", "gt", "ge")
        names = ("self", "other")
        if name == "where":
            names, variant = ("condition", "self", "other"), "self"
        else:
            variant = "Tensor" if binary else "default"

        def call(*operands: Any) -> Any:
            given = dict(zip(names, operands, strict=False))
            return self.b.call(f"aten.{name}.{variant}", **given)

        return call


Pair = tuple[Any, Any]


def _times(r: Reals, x: Pair, y: Pair) -> Pair:
    (a, b), (c, d) = x, y
    return r.sub(r.mul(a, c), r.mul(b, d)), r.add(r.mul(a, d), r.mul(b, c))


def _over(r: Reals, x: Pair, y: Pair) -> Pair:
    """In float64, where the squares of float32 numbers neither overflow nor vanish."""
    c, d = y
    size = r.add(r.mul(c, c), r.mul(d, d))
    real, imaginary = _times(r, x, (c, r.neg(d)))
    return r.div(real, size), r.div(imaginary, size)


def _exp(r: Reals, x: Pair) -> Pair:
    size = r.exp(x[0])
    return r.mul(size, r.cos(x[1])), r.mul(size, r.sin(x[1]))


def _log(r: Reals, x: Pair) -> Pair:
    return r.log(r.hypot(*x)), r.atan2(x[1], x[0])


def _sqrt(r: Reals, x: Pair) -> Pair:
    """The root with a real part that is not negative; the larger part first, as it is exact."""
    a, b = x
    large = r.sqrt(r.div(r.add(r.hypot(a, b), r.abs(a)), 2.0))
    none = r.eq(large, 0.0)
    small = r.where(none, 0.0, r.div(r.div(r.abs(b), 2.0), r.where(none, 1.0, large)))
    right = r.ge(a, 0.0)
    sign = r.where(r.signbit(b), -1.0, 1.0)
    return r.where(right, large, small), r.mul(sign, r.where(right, small, large))


def _sin(r: Reals, x: Pair) -> Pair:
    a, b = x
    return r.mul(r.sin(a), r.cosh(b)), r.mul(r.cos(a), r.sinh(b))


def _cos(r: Reals, x: Pair) -> Pair:
    a, b = x
    return r.mul(r.cos(a), r.cosh(b)), r.neg(r.mul(r.sin(a), r.sinh(b)))


def _sinh(r: Reals, x: Pair) -> Pair:
    a, b = x
    return r.mul(r.sinh(a), r.cos(b)), r.mul(r.cosh(a), r.sin(b))


def _cosh(r: Reals, x: Pair) -> Pair:
    a, b = x
    return r.mul(r.cosh(a), r.cos(b)), r.mul(r.sinh(a), r.sin(b))


def _tanh(r: Reals, x: Pair) -> Pair:
    """(sinh 2a + i sin 2b) / (cosh 2a + cos 2b); beyond 30 it is 1 to the last bit."""
    a = r.b.call("aten.clamp.default", self=r.add(x[0], x[0]), min=-60.0, max=60.0)
    b = r.add(x[1], x[1])
    size = r.add(r.cosh(a), r.cos(b))
    return r.div(r.sinh(a), size), r.div(r.sin(b), size)


def _tan(r: Reals, x: Pair) -> Pair:
    """-i tanh(i x)."""
    real, imaginary = _tanh(r, (r.neg(x[1]), x[0]))
    return imaginary, r.neg(real)


def _sigmoid(r: Reals, x: Pair) -> Pair:
    """(1 + tanh(x / 2)) / 2, which does not overflow."""
    real, imaginary = _tanh(r, (r.div(x[0], 2.0), r.div(x[1], 2.0)))
    return r.div(r.add(real, 1.0), 2.0), r.div(imaginary, 2.0)


def _sgn(r: Reals, x: Pair) -> Pair:
    size = r.hypot(*x)
    size = r.where(r.eq(size, 0.0), 1.0, size)
    return r.div(x[0], size), r.div(x[1], size)


def _scaled_log(base: float) -> Callable[[Reals, Pair], Pair]:
    def function(r: Reals, x: Pair) -> Pair:
        real, imaginary = _log(r, x)
        return r.div(real, base), r.div(imaginary, base)

    return function


def _pow(r: Reals, x: Pair, y: Pair) -> Pair:
    """exp(y log x); 0 to a power is 0, but 1 to the power 0."""
    none = r.mul(r.eq(x[0], 0.0), r.eq(x[1], 0.0))
    real, imaginary = _exp(r, _times(r, _log(r, (r.where(none, 1.0, x[0]), x[1])), y))
    zeroth = r.mul(r.eq(y[0], 0.0), r.eq(y[1], 0.0))
    of_zero = r.where(zeroth, 1.0, 0.0)
    return r.where(none, of_zero, real), r.where(none, 0.0, imaginary)


_ONE = (1.0, 0.0)
_FUNCTIONS: dict[str, Callable[[Reals, Pair], Pair]] = {
    "reciprocal": lambda r, x: _over(r, _ONE, x),
    "exp": _exp,
    "log": _log,
    "log2": _scaled_log(0.6931471805599453),
    "log10": _scaled_log(2.302585092994046),
    "log1p": lambda r, x: _log(r, (r.add(x[0], 1.0), x[1])),
    "expm1": lambda r, x: (lambda y: (r.sub(y[0], 1.0), y[1]))(_exp(r, x)),
    "sqrt": _sqrt,
    "rsqrt": lambda r, x: _over(r, _ONE, _sqrt(r, x)),
    "sin": _sin,
    "cos": _cos,
    "tan": _tan,
    "sinh": _sinh,
    "cosh": _cosh,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "sgn": _sgn,
}


def compute(
    b: Builder, function: Callable[..., Pair], operands: Sequence[Any], dtype: torch.dtype
) -> Value:
    """A function of pairs, computed in float64."""
    wide = [split(b, x, torch.complex128) for x in operands]
    pair = [cast(b, x, PART[dtype]) for x in function(Reals(b), *wide)]
    return joined(b, stacked(b, *pair))


def _lower_function(name: str, function: Callable[[Reals, Pair], Pair]) -> None:
    @lowers_complex(f"aten.{name}.default")
    def lowering(b: Builder, a: dict[str, Any]) -> Value:
        return compute(b, function, [a["self"]], a["self"].dtype)


for _name, _function in _FUNCTIONS.items():
    _lower_function(_name, _function)


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
    x, dtype = a["self"], a["dtype"]
    if dtype is None or dtype == x.dtype:
        return x  # type: ignore[no-any-return]
    if dtype.is_complex:
        return joined(b, parts(b, x, dtype))
    if dtype == torch.bool:
        return _nonzero(b, x)
    return cast(b, split(b, x)[0], dtype)


# --- arithmetic ---


def _result(*operands: Any) -> torch.dtype:
    return promoted(operands)[1]


def _computed(dtype: torch.dtype) -> torch.dtype:
    """complex32 computes in complex64."""
    return torch.complex64 if dtype == torch.complex32 else dtype


def _rounded(b: Builder, pairs: Value, dtype: torch.dtype) -> Value:
    return joined(b, cast(b, pairs, PART[dtype]))


def _lower_sum(name: str) -> None:
    @lowers_complex(f"aten.{name}.Tensor", f"aten.{name}.Scalar")
    def lowering(b: Builder, a: dict[str, Any]) -> Any:
        """Part by part; a complex alpha is multiplied first."""
        x, other, alpha = a["self"], a["other"], a["alpha"]
        if isinstance(alpha, complex):
            other, alpha = b.call("aten.mul.Tensor", self=other, other=alpha), 1
        dtype = _result(x, other)
        wide = _computed(dtype)
        given = {"self": parts(b, x, wide), "other": parts(b, other, wide), "alpha": alpha}
        return _rounded(b, b.call(f"aten.{name}.Tensor", **given), dtype)


_lower_sum("add")
_lower_sum("sub")


def _is_real(x: Any) -> bool:
    return not is_complex(x)


def _beside(b: Builder, x: Any, dtype: torch.dtype) -> Any:
    """A real operand that broadcasts over the parts of a complex one."""
    if not hasattr(x, "shape"):
        return x
    real_ = cast(b, x, PART[dtype])
    return b.emit("unsqueeze", [real_], {"dim": real_.rank})


@lowers_complex("aten.mul.Tensor", "aten.mul.Scalar")
def mul(b: Builder, a: dict[str, Any]) -> Any:
    """By a real number part by part, else four products."""
    x, y = a["self"], a["other"]
    dtype = _result(x, y)
    wide, r = _computed(dtype), Reals(b)
    if _is_real(x):
        x, y = y, x
    if _is_real(y):
        return _rounded(b, r.mul(parts(b, x, wide), _beside(b, y, wide)), dtype)
    pair = _times(r, split(b, x, wide), split(b, y, wide))
    return _rounded(b, stacked(b, *pair), dtype)


@lowers_complex("aten.div.Tensor", "aten.div.Scalar", "aten.true_divide.Tensor")
def div(b: Builder, a: dict[str, Any]) -> Any:
    """By a real number part by part."""
    x, y = a["self"], a["other"]
    dtype = _result(x, y)
    if _is_real(y):
        wide = _computed(dtype)
        return _rounded(b, Reals(b).div(parts(b, x, wide), _beside(b, y, wide)), dtype)
    return compute(b, _over, [x, y], dtype)


@lowers_complex("aten.square.default")
def square(b: Builder, a: dict[str, Any]) -> Any:
    """x times x."""
    return b.call("aten.mul.Tensor", self=a["self"], other=a["self"])


@lowers_complex("aten.pow.Tensor_Tensor", "aten.pow.Tensor_Scalar", "aten.pow.Scalar")
def pow_(b: Builder, a: dict[str, Any]) -> Any:
    """Small whole powers are products."""
    x, exponent = a["self"], a["exponent"]
    dtype = _result(x, exponent)
    if not hasattr(exponent, "shape") and exponent in (1, 2, 3):
        result = x
        for _ in range(int(exponent.real) - 1):
            result = b.call("aten.mul.Tensor", self=result, other=x)
        return result
    if not hasattr(exponent, "shape") and exponent == 0.5:
        return compute(b, _sqrt, [x], dtype)
    return compute(b, _pow, [x, exponent], dtype)


@lowers_complex("aten.addcmul.default")
def addcmul(b: Builder, a: dict[str, Any]) -> Any:
    """self + value * tensor1 * tensor2."""
    product = b.call("aten.mul.Tensor", self=a["tensor1"], other=a["tensor2"])
    return b.call("aten.add.Tensor", self=a["self"], other=product, alpha=a["value"])


@lowers_complex("aten.addcdiv.default")
def addcdiv(b: Builder, a: dict[str, Any]) -> Any:
    """self + value * tensor1 / tensor2."""
    quotient = b.call("aten.div.Tensor", self=a["tensor1"], other=a["tensor2"])
    return b.call("aten.add.Tensor", self=a["self"], other=quotient, alpha=a["value"])


@lowers_complex("aten.neg.default")
def neg(b: Builder, a: dict[str, Any]) -> Value:
    """Part by part."""
    return joined(b, Reals(b).neg(parts(b, a["self"])))


# --- comparisons ---


def _both(b: Builder, pairs: Value, name: str = "logical_and") -> Any:
    return getattr(Reals(b), name)(_part(b, pairs, 0), _part(b, pairs, 1))


def _nonzero(b: Builder, x: Any) -> Any:
    if _is_real(x):
        return cast(b, x, torch.bool)
    return _both(b, Reals(b).ne(parts(b, x), 0), "logical_or")


def _lower_comparison(name: str, together: str) -> None:
    @lowers_complex(f"aten.{name}.Tensor", f"aten.{name}.Scalar")
    def lowering(b: Builder, a: dict[str, Any]) -> Any:
        x, y = a["self"], a["other"]
        dtype = _result(x, y)
        pairs = getattr(Reals(b), name)(parts(b, x, dtype), parts(b, y, dtype))
        return _both(b, pairs, together)


def _lower_test(name: str, together: str) -> None:
    @lowers_complex(f"aten.{name}.default")
    def lowering(b: Builder, a: dict[str, Any]) -> Any:
        return _both(b, getattr(Reals(b), name)(parts(b, a["self"])), together)


def _lower_logic(name: str, *operands: str) -> None:
    @lowers_complex(f"aten.{name}.default")
    def lowering(b: Builder, a: dict[str, Any]) -> Any:
        return getattr(Reals(b), name)(*(_nonzero(b, a[operand]) for operand in operands))


_lower_comparison("eq", "logical_and")
_lower_comparison("ne", "logical_or")
_lower_test("isnan", "logical_or")
_lower_test("isinf", "logical_or")
_lower_test("isfinite", "logical_and")
for _name in ("logical_and", "logical_or", "logical_xor"):
    _lower_logic(_name, "self", "other")
_lower_logic("logical_not", "self")


def _last(b: Builder, condition: Value) -> Value:
    """A condition that broadcasts over parts."""
    result: Value = b.emit("unsqueeze", [condition], {"dim": condition.rank})
    return result


@lowers_complex("aten.where.self")
def where(b: Builder, a: dict[str, Any]) -> Value:
    """Part by part."""
    dtype = _result(a["self"], a["other"])
    x, y = parts(b, a["self"], dtype), parts(b, a["other"], dtype)
    return joined(b, Reals(b).where(_last(b, a["condition"]), x, y))


@lowers_complex("aten.masked_fill.Scalar", "aten.masked_fill.Tensor")
def masked_fill(b: Builder, a: dict[str, Any]) -> Value | None:
    """`where` in the dtype of `self`."""
    x, value = a["self"], a["value"]
    if not x.dtype.is_complex:
        return None
    filled = parts(b, value, x.dtype)
    return joined(b, Reals(b).where(_last(b, a["mask"]), filled, parts(b, x)))


# --- reductions and products ---


def _along(dims: Any, rank: int) -> list[int]:
    """Axes counted from 0, so that they are the same beside parts: all of them for none."""
    if isinstance(dims, int):
        dims = [dims]
    return sorted(d % max(rank, 1) for d in dims) if dims else list(range(rank))


def _lower_reduction(name: str, with_axes: str) -> None:
    @lowers_complex(f"aten.{name}.default", with_axes)
    def lowering(b: Builder, a: dict[str, Any]) -> Any:
        """Part by part; a 0-d tensor has nothing to reduce."""
        x, dtype = a["self"], a["dtype"] or a["self"].dtype
        if not dtype.is_complex:
            return b.call(with_axes, self=split(b, x)[0], dim=a.get("dim"), dtype=dtype)
        pairs = parts(b, x, _computed(dtype))
        if x.rank:
            dims = _along(a.get("dim"), x.rank)
            pairs = b.call(with_axes, self=pairs, dim=dims, keepdim=a.get("keepdim", False))
        return _rounded(b, pairs, dtype)


_lower_reduction("sum", "aten.sum.dim_IntList")
_lower_reduction("mean", "aten.mean.dim")


@lowers_complex("aten.prod.default", "aten.prod.dim_int")
def prod(b: Builder, a: dict[str, Any]) -> Any:
    """Halves multiplied with each other until one element is left; static sizes only."""
    x = cast(b, a["self"], a["dtype"])
    if "dim" not in a:
        x = b.emit("reshape", [x], {"size": (-1,)})
    dim = a.get("dim", 0) % max(x.rank, 1)
    n = x.shape[dim] if x.rank else 1
    if not isinstance(n, int) or n == 0 or not x.dtype.is_complex:
        return None

    def cut(value: Value, start: int, end: int) -> Any:
        return b.emit("slice", [value], {"dim": dim, "start": start, "end": end, "step": 1})

    while n > 1:
        half = n // 2
        product = b.call("aten.mul.Tensor", self=cut(x, 0, half), other=cut(x, half, 2 * half))
        if n % 2:
            rest = cut(x, n - 1, n)
            product = b.call("aten.cat.default", tensors=[product, rest], dim=dim)
        x, n = product, half + n % 2
    keep = a.get("keepdim", False) or x.rank == 0
    return x if keep else b.emit("squeeze", [x], {"dim": (dim,)})


@lowers_complex("aten.any.default", "aten.any.dim", "aten.any.dims")
def any_(b: Builder, a: dict[str, Any]) -> Any:
    """Of what is not 0."""
    return _truths(b, a, "any")


@lowers_complex("aten.all.default", "aten.all.dim", "aten.all.dims")
def all_(b: Builder, a: dict[str, Any]) -> Any:
    """Of what is not 0."""
    return _truths(b, a, "all")


def _truths(b: Builder, a: dict[str, Any], name: str) -> Any:
    rest = {key: given for key, given in a.items() if key != "self"}
    variant = "default" if "dim" not in a else "dim" if isinstance(a["dim"], int) else "dims"
    return b.call(f"aten.{name}.{variant}", self=_nonzero(b, a["self"]), **rest)


@lowers_complex("aten.cumsum.default")
def cumsum(b: Builder, a: dict[str, Any]) -> Value | None:
    """Part by part."""
    x = cast(b, a["self"], a["dtype"])
    if not x.dtype.is_complex or x.rank == 0:
        return None
    dim = a["dim"] % x.rank
    return _rounded(b, b.call("aten.cumsum.default", self=parts(b, x), dim=dim), x.dtype)


@lowers_complex("aten.linalg_vector_norm.default")
def linalg_vector_norm(b: Builder, a: dict[str, Any]) -> Any:
    """Of the magnitudes."""
    rest = {key: given for key, given in a.items() if key != "self"}
    if a["dtype"] is not None:
        rest["dtype"] = PART.get(a["dtype"], a["dtype"])
    magnitudes = b.call("aten.abs.default", self=a["self"])
    return b.call("aten.linalg_vector_norm.default", self=magnitudes, **rest)


def _product(b: Builder, x: Value, y: Value) -> Value:
    """x @ y in four real products."""
    dtype = _result(x, y)
    wide = _computed(dtype)
    (p, q), (s, t) = split(b, x, wide), split(b, y, wide)

    def times(u: Value, v: Value) -> Any:
        return b.call("aten.matmul.default", self=u, other=v)

    r = Reals(b)
    pair = r.sub(times(p, s), times(q, t)), r.add(times(p, t), times(q, s))
    return _rounded(b, stacked(b, *pair), dtype)


def _lower_product(target: str, names: tuple[str, str]) -> None:
    @lowers_complex(target)
    def lowering(b: Builder, a: dict[str, Any]) -> Any:
        product = _product(b, a[names[0]], a[names[1]])
        if "beta" not in a:
            return product
        if a["alpha"] != 1:
            product = b.call("aten.mul.Tensor", self=product, other=a["alpha"])
        if a["beta"] == 0:
            return product
        bias = b.call("aten.mul.Tensor", self=a["self"], other=a["beta"])
        return b.call("aten.add.Tensor", self=bias, other=product)


for _target, _names in {
    "aten.matmul.default": ("self", "other"),
    "aten.mm.default": ("self", "mat2"),
    "aten.bmm.default": ("self", "mat2"),
    "aten.mv.default": ("self", "vec"),
    "aten.dot.default": ("self", "tensor"),
    "aten.addmm.default": ("mat1", "mat2"),
    "aten.baddbmm.default": ("batch1", "batch2"),
}.items():
    _lower_product(_target, _names)


@lowers_complex("aten.linear.default")
def linear(b: Builder, a: dict[str, Any]) -> Any:
    """x @ weight.T + bias."""
    weight = b.emit("permute", [a["weight"]], {"dims": (1, 0)})
    product = _product(b, a["input"], weight)
    if a["bias"] is None:
        return product
    return b.call("aten.add.Tensor", self=product, other=a["bias"])
