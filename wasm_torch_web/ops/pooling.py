"""Two-dimensional pooling, with the channels innermost in memory; torch brings 1-D to 2-D."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.arguments import cast, pair
from wasm_torch_web.ops.samples import corners, normal
from wasm_torch_web.ops.table import FLOATS, Attribute, Case, flag, integer, integers, lowers, row
from wasm_torch_web.ops.table import tensor as operand

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

INT64 = (torch.int64,)
# Integers of at most 32 bits are pooled as float64, which holds them exactly.
SMALL_INTS = (torch.uint8, torch.int8, torch.int16, torch.int32)
POOLED = (*FLOATS, *SMALL_INTS)


def _first(function: Callable[..., Any]) -> Callable[..., torch.Tensor]:
    """The pooled values of a function that gives (values, indices)."""
    return lambda *args, **kwargs: function(*args, **kwargs, return_indices=True)[0]


def _second(function: Callable[..., Any]) -> Callable[..., torch.Tensor]:
    """The flat index into (H, W) of each pooled value."""
    return lambda *args, **kwargs: function(*args, **kwargs, return_indices=True)[1]


def _window(
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (0, 0),
    ceil_mode: bool = False,
    **more: Any,
) -> dict[str, Any]:
    return {
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
        "ceil_mode": ceil_mode,
        **more,
    }


def _inputs() -> Iterator[torch.Tensor]:
    yield from (normal(2, 19, 9, 10, dtype=dtype) for dtype in FLOATS)
    yield from (normal(*shape) for shape in ((1, 1, 7, 8), (1, 16, 12, 7), (0, 3, 6, 6)))
    yield corners(1, 7, 8, 6)


def _cases(windows: Sequence[dict[str, Any]]) -> Iterator[Case]:
    for window in windows:
        yield from (Case((x,), window) for x in _inputs())


def _max_cases() -> Iterator[Case]:
    return _cases(
        (
            _window((3, 3), (2, 2), (1, 1), dilation=(1, 1)),
            _window((2, 2), (2, 2), dilation=(1, 1)),
            _window((2, 3), (2, 1), (1, 0), ceil_mode=True, dilation=(2, 1)),
            _window((1, 5), (3, 2), (0, 2), ceil_mode=True, dilation=(1, 1)),
            _window((8, 9), (8, 9), ceil_mode=True, dilation=(1, 1)),  # beyond small inputs
        )
    )


def _avg_cases() -> Iterator[Case]:
    return _cases(
        (
            _window((3, 3), (2, 2), (1, 1), count_include_pad=True, divisor_override=0),
            _window((2, 3), (2, 2), (1, 1), True, count_include_pad=False, divisor_override=0),
            _window((3, 2), (2, 3), (1, 1), True, count_include_pad=True, divisor_override=0),
            _window((2, 2), (2, 2), count_include_pad=True, divisor_override=3),
            _window((8, 9), (8, 9), (0, 0), True, count_include_pad=True, divisor_override=0),
        )
    )


def _adaptive_cases() -> Iterator[Case]:
    return _cases([{"output_size": size} for size in ((3, 4), (1, 5), (9, 13))])


def _avg_pool2d(x: torch.Tensor, divisor_override: int, **window: Any) -> torch.Tensor:
    return F.avg_pool2d(x, **window, divisor_override=divisor_override or None)


def _pool(
    name: str,
    reference: Callable[..., torch.Tensor],
    cases: Callable[[], Iterator[Case]],
    attributes: Sequence[Attribute],
    outputs: Sequence[torch.dtype] = FLOATS,
) -> None:
    row(
        name,
        inputs=[operand("input", FLOATS, "channels_last")],
        outputs=[operand("output", outputs, "channels_last")],
        attributes=attributes,
        reference=reference,
        cases=cases,
    )


WINDOW = (integers("kernel_size"), integers("stride"), integers("padding"), flag("ceil_mode"))
MAX = (*WINDOW, integers("dilation", (1, 1)))
# divisor_override: what sums are divided by; 0 for the number of elements.
AVG = (*WINDOW, flag("count_include_pad", True), integer("divisor_override", 0))
ADAPTIVE = (integers("output_size"),)

_pool("max_pool2d", F.max_pool2d, _max_cases, MAX)
_pool("max_pool2d_indices", _second(F.max_pool2d), _max_cases, MAX, INT64)
_pool("avg_pool2d", _avg_pool2d, _avg_cases, AVG)
_pool("adaptive_avg_pool2d", F.adaptive_avg_pool2d, _adaptive_cases, ADAPTIVE)
_pool("adaptive_max_pool2d", _first(F.adaptive_max_pool2d), _adaptive_cases, ADAPTIVE)
_pool(
    "adaptive_max_pool2d_indices", _second(F.adaptive_max_pool2d), _adaptive_cases, ADAPTIVE, INT64
)


def _emit(b: Builder, names: Sequence[str], a: dict[str, Any], given: dict[str, Any]) -> Any:
    """One value a row of `names`, from (N, C, H, W) or (C, H, W) input.

    The first is in the input's dtype.
    """
    x = a["self"]
    pooled = cast(b, x, torch.float64) if x.dtype in SMALL_INTS else x
    if x.rank == 3:
        pooled = b.call("aten.unsqueeze.default", self=pooled, dim=0)
    results = [b.emit(name, [pooled], given) for name in names]
    if x.rank == 3:
        results = [b.call("aten.squeeze.dims", self=y, dim=(0,)) for y in results]
    return (cast(b, results[0], x.dtype), *results[1:])


def _window_of(a: dict[str, Any]) -> dict[str, Any]:
    kernel = pair(a["kernel_size"])
    return {
        "kernel_size": kernel,
        "stride": pair(a["stride"], kernel),
        "padding": pair(a["padding"]),
        "ceil_mode": a["ceil_mode"],
    }


@lowers("aten.max_pool2d_with_indices.default")
def max_pool2d_with_indices(b: Builder, a: dict[str, Any]) -> tuple[Value, Value] | None:
    """Values and indices are two rows: the indices are rarely read, and removed as dead then."""
    if a["self"].dtype not in POOLED:
        return None
    given = {**_window_of(a), "dilation": pair(a["dilation"])}
    results: tuple[Value, Value] = _emit(b, ("max_pool2d", "max_pool2d_indices"), a, given)
    return results


@lowers("aten.max_pool2d.default")
def max_pool2d(b: Builder, a: dict[str, Any]) -> Value | None:
    """The largest of each window; NaN where there is one."""
    if a["self"].dtype not in POOLED:
        return None
    given = {**_window_of(a), "dilation": pair(a["dilation"])}
    result: Value = _emit(b, ("max_pool2d",), a, given)[0]
    return result


@lowers("aten.avg_pool2d.default")
def avg_pool2d(b: Builder, a: dict[str, Any]) -> Value | None:
    """The mean of each window."""
    if a["self"].dtype not in FLOATS:
        return None
    given = {
        **_window_of(a),
        "count_include_pad": a["count_include_pad"],
        "divisor_override": a["divisor_override"] or 0,
    }
    result: Value = _emit(b, ("avg_pool2d",), a, given)[0]
    return result


@lowers("aten.adaptive_avg_pool2d.default", "aten._adaptive_avg_pool2d.default")
def adaptive_avg_pool2d(b: Builder, a: dict[str, Any]) -> Value | None:
    """Means of evenly spread windows; one window is a plain mean, in any layout."""
    x, size = a["self"], pair(a["output_size"])
    if x.dtype not in FLOATS:
        return None
    if size == (1, 1):
        mean: Value = b.emit("mean", [x], {"dim": (x.rank - 2, x.rank - 1), "keepdim": True})
        return mean
    result: Value = _emit(b, ("adaptive_avg_pool2d",), a, {"output_size": size})[0]
    return result


@lowers("aten.adaptive_max_pool2d.default")
def adaptive_max_pool2d(b: Builder, a: dict[str, Any]) -> tuple[Value, Value] | None:
    """The largest of evenly spread windows; as `max_pool2d_with_indices`."""
    if a["self"].dtype not in POOLED:
        return None
    names = ("adaptive_max_pool2d", "adaptive_max_pool2d_indices")
    results: tuple[Value, Value] = _emit(b, names, a, {"output_size": pair(a["output_size"])})
    return results
