"""Pooling of images and volumes, channels innermost in memory; torch brings 1-D to 2-D."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from wasm_torch_web.ops.arguments import each
from wasm_torch_web.ops.samples import corners, normal
from wasm_torch_web.ops.table import (
    FLOATS,
    REAL,
    Attribute,
    Case,
    flag,
    integer,
    integers,
    lowers,
    row,
)
from wasm_torch_web.ops.table import tensor as operand

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

INT64 = (torch.int64,)
AVERAGED = (*FLOATS, *INT64)


def _first(function: Callable[..., Any]) -> Callable[..., torch.Tensor]:
    """The pooled values of a function that gives (values, indices)."""
    return lambda *args, **kwargs: function(*args, **kwargs, return_indices=True)[0]


def _second(function: Callable[..., Any]) -> Callable[..., torch.Tensor]:
    """The flat index into (H, W) or (D, H, W) of each pooled value."""
    return lambda *args, **kwargs: function(*args, **kwargs, return_indices=True)[1]


def _window(
    kernel: tuple[int, ...],
    stride: tuple[int, ...] = (1, 1),
    padding: tuple[int, ...] = (0, 0),
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


def _largest(function: Callable[..., Any]) -> Callable[..., torch.Tensor]:
    """The same for bytes: PyTorch counts the pixels of channels-last images in their own dtype, and
    refuses those of more than 255."""

    def reference(x: torch.Tensor, **window: Any) -> torch.Tensor:
        is_bytes = x.dtype.itemsize == 1
        pooled: torch.Tensor = function(x.int() if is_bytes else x, **window)
        return pooled.to(x.dtype)

    return reference


def _inputs(dtypes: Sequence[torch.dtype]) -> Iterator[torch.Tensor]:
    yield from (normal(2, 19, 9, 10, dtype=dtype) for dtype in dtypes)
    yield from (normal(*shape) for shape in ((1, 1, 7, 8), (1, 16, 12, 7), (0, 3, 6, 6)))
    yield corners(1, 7, 8, 6)


def _volumes(dtypes: Sequence[torch.dtype]) -> Iterator[torch.Tensor]:
    yield from (normal(2, 5, 4, 6, 7, dtype=dtype) for dtype in dtypes)
    yield from (normal(*shape) for shape in ((1, 19, 5, 6, 6), (0, 3, 4, 6, 6)))
    yield corners(1, 3, 4, 6, 5)


def _cases(inputs: Iterator[torch.Tensor], windows: Sequence[dict[str, Any]]) -> Iterator[Case]:
    given = list(inputs)
    for window in windows:
        yield from (Case((x,), window) for x in given)


def _max_cases() -> Iterator[Case]:
    windows = (
        _window((3, 3), (2, 2), (1, 1), dilation=(1, 1)),
        _window((2, 2), (2, 2), dilation=(1, 1)),
        _window((2, 3), (2, 1), (1, 0), ceil_mode=True, dilation=(2, 1)),
        _window((1, 5), (3, 2), (0, 2), ceil_mode=True, dilation=(1, 1)),
        _window((8, 9), (8, 9), ceil_mode=True, dilation=(1, 1)),  # beyond small inputs
    )
    return _cases(_inputs(REAL), windows)


def _max_cases_3d() -> Iterator[Case]:
    windows = (
        _window((3, 3, 2), (2, 2, 1), (1, 1, 0), dilation=(1, 1, 1)),
        _window((2, 2, 3), (1, 2, 2), (0, 1, 1), ceil_mode=True, dilation=(2, 1, 1)),
    )
    return _cases(_volumes(REAL), windows)


def _avg_cases() -> Iterator[Case]:
    windows = (
        _window((3, 3), (2, 2), (1, 1), count_include_pad=True, divisor_override=0),
        _window((2, 3), (2, 2), (1, 1), True, count_include_pad=False, divisor_override=0),
        _window((3, 2), (2, 3), (1, 1), True, count_include_pad=True, divisor_override=0),
        _window((2, 2), (2, 2), count_include_pad=True, divisor_override=3),
        _window((8, 9), (8, 9), (0, 0), True, count_include_pad=True, divisor_override=0),
    )
    return _cases(_inputs(AVERAGED), windows)


def _avg_cases_3d() -> Iterator[Case]:
    windows = (
        _window((3, 3, 2), (2, 2, 1), (1, 1, 0), count_include_pad=True, divisor_override=0),
        _window((2, 3, 3), (2, 2, 2), (1, 1, 1), True, count_include_pad=True, divisor_override=0),
        _window((2, 3, 3), (2, 2, 2), (1, 1, 1), True, count_include_pad=False, divisor_override=0),
        _window((2, 2, 2), (1, 2, 2), (0, 0, 0), count_include_pad=True, divisor_override=-1),
    )
    return _cases(_volumes((torch.float32, torch.float64, torch.int64)), windows)


def _adaptive_cases() -> Iterator[Case]:
    return _cases(_inputs(FLOATS), [{"output_size": size} for size in ((3, 4), (1, 5), (9, 13))])


def _adaptive_cases_3d() -> Iterator[Case]:
    return _cases(_volumes(FLOATS), [{"output_size": size} for size in ((3, 4, 2), (1, 9, 3))])


def _average(function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    def reference(x: torch.Tensor, divisor_override: int, **window: Any) -> torch.Tensor:
        return function(x, **window, divisor_override=divisor_override or None)

    return reference


def _pool(
    name: str,
    reference: Callable[..., torch.Tensor],
    cases: Callable[[], Iterator[Case]],
    attributes: Sequence[Attribute],
    dtypes: Sequence[torch.dtype],
    outputs: Sequence[torch.dtype] = (),
) -> None:
    row(
        name,
        inputs=[operand("input", dtypes, "channels_last")],
        outputs=[operand("output", outputs or dtypes, "channels_last")],
        attributes=attributes,
        reference=reference,
        cases=cases,
    )


WINDOW = (integers("kernel_size"), integers("stride"), integers("padding"), flag("ceil_mode"))
MAX = (*WINDOW, integers("dilation"))
# divisor_override: what sums are divided by; 0 for the number of elements.
AVG = (*WINDOW, flag("count_include_pad", True), integer("divisor_override", 0))
ADAPTIVE = (integers("output_size"),)

for _n, _max, _avg, _adaptive in (
    (2, _max_cases, _avg_cases, _adaptive_cases),
    (3, _max_cases_3d, _avg_cases_3d, _adaptive_cases_3d),
):
    _functions = {
        name: getattr(F, f"{name}{_n}d")
        for name in ("max_pool", "avg_pool", "adaptive_avg_pool", "adaptive_max_pool")
    }
    _plain, _evenly = _functions["max_pool"], _functions["adaptive_max_pool"]
    _pool(f"max_pool{_n}d", _largest(_plain), _max, MAX, REAL)
    _pool(f"max_pool{_n}d_indices", _second(_plain), _max, MAX, REAL, INT64)
    _pool(f"avg_pool{_n}d", _average(_functions["avg_pool"]), _avg, AVG, AVERAGED)
    _pool(f"adaptive_avg_pool{_n}d", _functions["adaptive_avg_pool"], _adaptive, ADAPTIVE, FLOATS)
    _pool(f"adaptive_max_pool{_n}d", _first(_evenly), _adaptive, ADAPTIVE, FLOATS)
    _pool(f"adaptive_max_pool{_n}d_indices", _second(_evenly), _adaptive, ADAPTIVE, FLOATS, INT64)


def _emit(b: Builder, names: Sequence[str], n: int, x: Value, given: dict[str, Any]) -> Any:
    """One value a row of `names`, from (N, C, *image) or (C, *image) with n axes of the image."""
    alone = x.rank == n + 1
    pooled = b.call("aten.unsqueeze.default", self=x, dim=0) if alone else x
    results = [b.emit(name, [pooled], given) for name in names]
    if alone:
        results = [b.call("aten.squeeze.dims", self=y, dim=(0,)) for y in results]
    return tuple(results)


def _window_of(a: dict[str, Any], n: int) -> dict[str, Any]:
    kernel = each(a["kernel_size"], n)
    return {
        "kernel_size": kernel,
        "stride": each(a["stride"], n, kernel),
        "padding": each(a["padding"], n),
        "ceil_mode": a["ceil_mode"],
    }


def _lower_max(n: int) -> None:
    rows = (f"max_pool{n}d", f"max_pool{n}d_indices")

    @lowers(f"aten.max_pool{n}d_with_indices.default")
    def with_indices(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
        """Values and indices are two rows: the indices are rarely read, and removed as dead."""
        given = {**_window_of(a, n), "dilation": each(a["dilation"], n)}
        results: tuple[Value, Value] = _emit(b, rows, n, a["self"], given)
        return results

    @lowers(f"aten.max_pool{n}d.default")
    def values(b: Builder, a: dict[str, Any]) -> Value:
        """The largest of each window; NaN where there is one."""
        given = {**_window_of(a, n), "dilation": each(a["dilation"], n)}
        result: Value = _emit(b, rows[:1], n, a["self"], given)[0]
        return result

    @lowers(f"aten.adaptive_max_pool{n}d.default")
    def adaptive(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
        """The largest of evenly spread windows."""
        names = tuple(f"adaptive_{name}" for name in rows)
        given = {"output_size": each(a["output_size"], n)}
        results: tuple[Value, Value] = _emit(b, names, n, a["self"], given)
        return results


def _lower_avg(n: int) -> None:
    @lowers(f"aten.avg_pool{n}d.default")
    def windows(b: Builder, a: dict[str, Any]) -> Value:
        """The mean of each window."""
        given = {
            **_window_of(a, n),
            "count_include_pad": a["count_include_pad"],
            "divisor_override": a["divisor_override"] or 0,
        }
        result: Value = _emit(b, (f"avg_pool{n}d",), n, a["self"], given)[0]
        return result

    @lowers(f"aten.adaptive_avg_pool{n}d.default", f"aten._adaptive_avg_pool{n}d.default")
    def adaptive(b: Builder, a: dict[str, Any]) -> Value | None:
        """Means of evenly spread windows; one window is a plain mean, in any layout."""
        x, size = a["self"], each(a["output_size"], n)
        if x.dtype not in FLOATS:
            return None
        if size == (1,) * n:
            dims = tuple(range(x.rank - n, x.rank))
            mean: Value = b.emit("mean", [x], {"dim": dims, "keepdim": True})
            return mean
        result: Value = _emit(b, (f"adaptive_avg_pool{n}d",), n, x, {"output_size": size})[0]
        return result


for _n in (2, 3):
    _lower_max(_n)
    _lower_avg(_n)
