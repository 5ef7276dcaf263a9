"""Functions of complex numbers in real arithmetic: pairs of parts in, pairs out, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import cast
from wasm_torch_web.ops.complex import PART, Pair, Reals, joined, split, stacked
from wasm_torch_web.ops.table import lowers_complex

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def times(r: Reals, x: Pair, y: Pair) -> Pair:
    (a, b), (c, d) = x, y
    return r.sub(r.mul(a, c), r.mul(b, d)), r.add(r.mul(a, d), r.mul(b, c))


def over(r: Reals, x: Pair, y: Pair) -> Pair:
    """In float64, where the squares of float32 numbers neither overflow nor vanish."""
    c, d = y
    size = r.add(r.mul(c, c), r.mul(d, d))
    real, imaginary = times(r, x, (c, r.neg(d)))
    return r.div(real, size), r.div(imaginary, size)


def _exp(r: Reals, x: Pair) -> Pair:
    size = r.exp(x[0])
    return r.mul(size, r.cos(x[1])), r.mul(size, r.sin(x[1]))


def _log(r: Reals, x: Pair) -> Pair:
    return r.log(r.hypot(*x)), r.atan2(x[1], x[0])


def square_root(r: Reals, x: Pair) -> Pair:
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


def power(r: Reals, x: Pair, y: Pair) -> Pair:
    """exp(y log x); 0 to a power is 0, but 1 to the power 0."""
    none = r.mul(r.eq(x[0], 0.0), r.eq(x[1], 0.0))
    real, imaginary = _exp(r, times(r, _log(r, (r.where(none, 1.0, x[0]), x[1])), y))
    zeroth = r.mul(r.eq(y[0], 0.0), r.eq(y[1], 0.0))
    of_zero = r.where(zeroth, 1.0, 0.0)
    return r.where(none, of_zero, real), r.where(none, 0.0, imaginary)


_ONE = (1.0, 0.0)
_FUNCTIONS: dict[str, Callable[[Reals, Pair], Pair]] = {
    "reciprocal": lambda r, x: over(r, _ONE, x),
    "exp": _exp,
    "log": _log,
    "log2": _scaled_log(0.6931471805599453),
    "log10": _scaled_log(2.302585092994046),
    "log1p": lambda r, x: _log(r, (r.add(x[0], 1.0), x[1])),
    "expm1": lambda r, x: (lambda y: (r.sub(y[0], 1.0), y[1]))(_exp(r, x)),
    "sqrt": square_root,
    "rsqrt": lambda r, x: over(r, _ONE, square_root(r, x)),
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
