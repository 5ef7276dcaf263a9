"""Random numbers: one row that draws uniform bits, and what distributions make of them.

A program that draws has a state, `random.state`: each node draws from it and its own `stream`, and
it moves on at the end of the run. So a run's numbers follow from the state alone, whatever the
threads; `reset()` starts them again. They are not those of PyTorch's generators.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import cast, expand
from wasm_torch_web.ops.complex import PART, joined
from wasm_torch_web.ops.pointwise import computes_in, emit
from wasm_torch_web.ops.table import (
    FLOATS,
    Case,
    dtype,
    integer,
    integers,
    lowers,
    lowers_complex,
    row,
    tensor,
)

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

STATE = "random.state"  # no buffer has this name: `random` would be a module with a buffer `state`
SEED = 0
_STEP = 0x9E3779B97F4A7C15
_STATE_STEP = 0xD1342543DE82EF95  # of the state, from run to run
_WHOLE = (torch.int64,)
_DIGITS = {
    torch.float32: 24,
    torch.float64: 53,
    torch.float16: 11,
    torch.bfloat16: 8,
    torch.int64: 63,
}


def _signed(number: int) -> int:
    """The int64 with the bits of a uint64."""
    return (number + 2**63) % 2**64 - 2**63


def _right(x: torch.Tensor, bits: int) -> torch.Tensor:
    """x as uint64, shifted right."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: torch.Tensor) -> torch.Tensor:
    """The finaliser of SplitMix64."""
    x = (x ^ _right(x, 30)) * _signed(0xBF58476D1CE4E5B9)
    x = (x ^ _right(x, 27)) * _signed(0x94D049BB133111EB)
    return x ^ _right(x, 31)


def _random(
    state: torch.Tensor, size: Sequence[Any], stream: int, dtype: torch.dtype
) -> torch.Tensor:
    """Element i is the top bits of mix(mix(mix(state + step) + stream) + i step): of a float as
    many as make an evenly spaced number from 0 to below 1, of an int64 63."""
    count = torch.ones(size, dtype=torch.int64).reshape(-1).cumsum(0) - 1
    digits = _DIGITS[dtype]
    key = _mix(_mix(state + _signed(_STEP)) + stream)
    drawn = _right(_mix(key + count * _signed(_STEP)), 64 - digits)
    if dtype.is_floating_point:
        drawn = (drawn.double() * 0.5**digits).to(dtype)
    return drawn.reshape(size)


def _random_cases() -> Iterator[Case]:
    state = torch.tensor(_signed(0xF123456789ABCDEF))
    for one in FLOATS + _WHOLE:
        yield Case((state,), {"size": (3, 171), "stream": 2, "dtype": one})
    for size in ((), (0,), (1,), (4,), (2, 1, 3), (40000,)):
        yield Case((state,), {"size": size, "stream": 7, "dtype": torch.float32})


row(
    "random",
    inputs=[tensor("state", _WHOLE)],
    outputs=[tensor("output", FLOATS + _WHOLE)],
    attributes=[integers("size"), integer("stream"), dtype("dtype")],
    reference=_random,
    cases=_random_cases,
)


def _state(b: Builder) -> Value:
    """The program's state, with what the run leaves in it."""
    for state, _ in b.graph.updates:
        if state.name == STATE:
            return state
    data = torch.tensor(SEED)
    state = b.value(STATE, b.fake_mode.from_tensor(data, static_shapes=True), "state", data)
    whole = torch.int64
    b.graph.updates.append((state, emit(b, "add", [state, _signed(_STATE_STEP)], whole, whole)))
    return state


def draw(b: Builder, size: Sequence[Any], dtype: torch.dtype) -> Value:
    """Uniform numbers from 0 to below 1, or 63 bits."""
    state = _state(b)
    stream = sum(node.row.name == "random" for node in b.graph.nodes)
    drawn: Value = b.emit("random", [state], {"size": list(size), "stream": stream, "dtype": dtype})
    return drawn


def _draw_inside(b: Builder, size: Sequence[Any], dtype: torch.dtype = torch.float64) -> Value:
    """Uniform numbers above 0 and below 1."""
    return emit(b, "maximum", [draw(b, size, torch.float64), 2.0**-54], torch.float64, dtype)


def _dtype(a: dict[str, Any]) -> torch.dtype:
    """The dtype asked for; that of `self`, or the default. Schemas call int64 a 4."""
    default = a["self"].dtype if "self" in a else torch.get_default_dtype()
    given: torch.dtype = torch.int64 if a["dtype"] == 4 else a["dtype"] or default
    return given


def _size(a: dict[str, Any]) -> Sequence[Any]:
    """The size asked for, or that of `self`."""
    size: Sequence[Any] = a["size"] if "size" in a else a["self"].shape
    return size


# ---- uniform ----


@lowers("aten.rand.default", "aten.rand_like.default")
def rand(b: Builder, a: dict[str, Any]) -> Value:
    """From 0 to below 1."""
    return draw(b, _size(a), _dtype(a))


@lowers_complex("aten.rand.default", "aten.rand_like.default")
def rand_complex(b: Builder, a: dict[str, Any]) -> Value:
    """Each part from 0 to below 1."""
    return joined(b, draw(b, [*_size(a), 2], PART[_dtype(a)]))


@lowers("aten.uniform.default")
def uniform(b: Builder, a: dict[str, Any]) -> Value:
    """From `from` to `to`."""
    x: Value = a["self"]
    low, width = a["from"], a["to"] - a["from"]
    drawn = draw(b, x.shape, x.dtype)
    return emit(b, "addcmul", [low, drawn, width], computes_in(x.dtype), x.dtype, value=1)


@lowers(
    "aten.randint.default",
    "aten.randint.low",
    "aten.randint_like.default",
    "aten.randint_like.low_dtype",
    "aten.randint_like.Tensor",
)
def randint(b: Builder, a: dict[str, Any]) -> Value:
    """Whole numbers from `low` to below `high`."""
    high = cast(b, a["high"], torch.int64) if hasattr(a["high"], "shape") else a["high"]
    return _whole(b, _size(a), a.get("low", 0), high, _dtype(a))


def _whole(b: Builder, size: Sequence[Any], low: Any, high: Any, dtype: torch.dtype) -> Value:
    whole = torch.int64
    drawn = draw(b, size, whole)
    width = emit(b, "sub", [high, low], whole, whole) if hasattr(high, "shape") else high - low
    if width != 2**63:
        drawn = emit(b, "remainder", [drawn, width], whole, whole)
    return emit(b, "add", [drawn, low], whole, dtype)


@lowers("aten.random.default", "aten.random.to", "aten.random.from")
def random(b: Builder, a: dict[str, Any]) -> Value:
    """Whole numbers from `from` to below `to`: without these, all that the dtype holds from 0."""
    dtype = a["self"].dtype
    bits = 1 if dtype == torch.bool else 8 * dtype.itemsize - dtype.is_signed
    to = a.get("to")
    end = 2 ** _DIGITS.get(dtype, bits) if to is None else to
    return _whole(b, a["self"].shape, a.get("from", 0), end, dtype)


@lowers("aten.bernoulli.default", "aten.bernoulli.p", "aten.bernoulli.Tensor")
def bernoulli(b: Builder, a: dict[str, Any]) -> Value:
    """1 with a probability, else 0: `p`, or `self` where there is no p."""
    x: Value = a["self"]
    drawn = draw(b, x.shape, torch.float64)
    return emit(b, "lt", [drawn, a.get("p", x)], torch.float64, x.dtype)


@lowers("aten.randperm.default")
def randperm(b: Builder, a: dict[str, Any]) -> Any:
    """The order of random keys."""
    order = b.call("aten.sort.default", self=draw(b, [a["n"]], torch.int64))[1]
    return cast(b, order, _dtype(a))


# ---- other distributions, from their inverse distribution functions ----


def _normal(b: Builder, size: Sequence[Any], dtype: torch.dtype) -> Value:
    return emit(b, "ndtri", [_draw_inside(b, size)], torch.float64, dtype)


def _scaled_normal(
    b: Builder, size: Sequence[Any], mean: Any, std: Any, dtype: torch.dtype
) -> Value:
    compute = computes_in(dtype)
    return emit(b, "addcmul", [mean, _normal(b, size, compute), std], compute, dtype, value=1)


@lowers("aten.randn.default", "aten.randn_like.default")
def randn(b: Builder, a: dict[str, Any]) -> Value:
    """Mean 0, standard deviation 1."""
    return _normal(b, _size(a), _dtype(a))


@lowers_complex("aten.randn.default", "aten.randn_like.default")
def randn_complex(b: Builder, a: dict[str, Any]) -> Value:
    """Standard deviation 1 of both parts together."""
    part = PART[_dtype(a)]
    pairs = [*_size(a), 2]
    return joined(b, _scaled_normal(b, pairs, 0.0, 0.5**0.5, part))


@lowers("aten.normal.Tensor_float", "aten.normal.float_Tensor", "aten.normal.Tensor_Tensor")
def normal(b: Builder, a: dict[str, Any]) -> Value:
    """Means, standard deviations or both given by tensors."""
    tensors = [x for x in (a["mean"], a["std"]) if hasattr(x, "shape")]
    shape = b.call("aten.add.Tensor", self=tensors[0], other=tensors[-1]).shape
    return _scaled_normal(b, shape, a["mean"], a["std"], tensors[0].dtype)


@lowers("aten.normal.float_float", "aten.normal_functional.default")
def normal_numbers(b: Builder, a: dict[str, Any]) -> Value:
    """Mean and standard deviation given by numbers."""
    dtype = _dtype({"dtype": None, **a})
    return _scaled_normal(b, _size(a), a["mean"], a["std"], dtype)


@lowers("aten.log_normal.default")
def log_normal(b: Builder, a: dict[str, Any]) -> Value:
    """The exponential of normal numbers."""
    x: Value = a["self"]
    drawn = _scaled_normal(b, x.shape, a["mean"], a["std"], torch.float64)
    return emit(b, "exp", [drawn], torch.float64, x.dtype)


def _exponential(b: Builder, size: Sequence[Any], rate: float, dtype: torch.dtype) -> Value:
    log = emit(b, "log", [_draw_inside(b, size)], torch.float64, torch.float64)
    return emit(b, "div", [log, -rate], torch.float64, dtype)


@lowers("aten.exponential.default")
def exponential(b: Builder, a: dict[str, Any]) -> Value:
    """Of rate `lambd`."""
    return _exponential(b, a["self"].shape, a["lambd"], a["self"].dtype)


@lowers("aten.geometric.default")
def geometric(b: Builder, a: dict[str, Any]) -> Value:
    """The number of trials of probability p up to the first success."""
    x: Value = a["self"]
    rate = -math.log1p(-a["p"])
    if rate == 0:
        ones: Value = b.call("aten.full_like.default", self=x, fill_value=1)
        return ones
    failures = _exponential(b, x.shape, rate, torch.float64)
    return emit(b, "ceil", [failures], torch.float64, x.dtype)


@lowers("aten.cauchy.default")
def cauchy(b: Builder, a: dict[str, Any]) -> Value:
    """A tangent of uniform angles."""
    x: Value = a["self"]
    double = torch.float64
    drawn = emit(b, "sub", [_draw_inside(b, x.shape), 0.5], double, double)
    angle = emit(b, "mul", [drawn, math.pi], double, double)
    tangent = emit(b, "tan", [angle], double, double)
    return emit(b, "addcmul", [a["median"], tangent, a["sigma"]], double, x.dtype, value=1)


@lowers("aten.multinomial.default")
def multinomial(b: Builder, a: dict[str, Any]) -> Any:
    """Indices by their weights: where none comes twice, those that a race of exponential clocks
    ends with; else where uniform numbers lie among the sums of weights."""
    weights = cast(b, a["self"], torch.float64)
    count = a["num_samples"]
    if not a["replacement"]:
        clocks = _exponential(b, weights.shape, 1, torch.float64)
        speeds = emit(b, "div", [weights, clocks], torch.float64, torch.float64)
        return b.call("aten.topk.default", self=speeds, k=count)[1]
    sums = b.call("aten.cumsum.default", self=weights, dim=-1)
    total = b.call("aten.slice.Tensor", self=sums, dim=-1, start=-1)
    drawn = draw(b, [*weights.shape[:-1], count], torch.float64)
    places = emit(b, "mul", [drawn, total], torch.float64, torch.float64)
    places = expand(b, places, drawn.shape)
    return b.call("aten.searchsorted.Tensor", sorted_sequence=sums, self=places, right=True)
