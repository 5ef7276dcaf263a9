"""An output of PyTorch and the browser's in, how far they are apart out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

TOLERANCE = 1e-4
# Half-precision results are rounded at the end: they may differ by two steps.
HALF_STEPS = 2


@dataclass(frozen=True)
class OutputError:
    """Errors of one output in one run; infinite where shapes, dtypes or NaNs differ.

    Attributes:
        max_rel: relative to the largest magnitude of the expected output, at least 1.
        note: what is wrong where it is not a matter of size; or why passing says little.
        tolerance: what `max_rel` may be where it is more than usual: the model is ill-conditioned.
    """

    name: str
    max_abs: float
    max_rel: float
    passed: bool
    note: str = ""
    tolerance: float | None = None


def compare(name: str, expected: Tensor | float, given: Tensor | float) -> OutputError:
    """Floats within TOLERANCE x max(1, max |expected|), NaNs in the same places; others exactly."""
    if isinstance(expected, Tensor) and isinstance(given, Tensor):
        return _compare_tensors(name, expected, given)
    if isinstance(expected, Tensor) or isinstance(given, Tensor):
        return wrong(name, "a tensor and a number")
    if isinstance(expected, bool) != isinstance(given, bool):
        return wrong(name, "a bool and a number")
    tolerance = 0.0 if isinstance(expected, int) else TOLERANCE
    # JSON writes 3.0 as 3: the numbers count, not their Python types.
    numbers = torch.tensor([expected, given], dtype=torch.float64)
    return _errors(name, numbers[0], numbers[1], tolerance)


def excuse(
    error: OutputError,
    expected: Tensor | float,
    given: Tensor | float,
    exact: Tensor | float,
    times: float = 1.0,
    truth: str = "float64",
) -> OutputError:
    """`error`, passed if `given` is as near as `expected` (PyTorch's) to `exact`, its float64.

    Where rounding alone moves PyTorch by more than the tolerance, a difference from it is no fault.
    `times` PyTorch's own error are near enough.
    """
    if error.passed or not math.isfinite(error.max_abs):
        return error
    if not (
        isinstance(expected, Tensor)
        and isinstance(given, Tensor)
        and isinstance(exact, Tensor)
        and expected.dtype.is_floating_point
        and expected.dtype != exact.dtype == torch.float64
        and expected.shape == exact.shape
    ):
        return error
    tolerance = tolerance_of(expected.dtype)
    eager = _errors(error.name, exact, expected, tolerance).max_rel
    ours = _errors(error.name, exact, given, tolerance).max_rel
    if not math.isfinite(eager) or ours > max(tolerance, times * eager):
        return error
    note = f"ill-conditioned: against {truth}, PyTorch's own error is {eager:.0e}, this {ours:.0e}"
    return replace(error, passed=True, note=note, tolerance=(1 + times) * max(tolerance, eager))


def wrong(name: str, note: str) -> OutputError:
    """An output that cannot even be compared."""
    return OutputError(name, math.inf, math.inf, False, note)


def _compare_tensors(name: str, expected: Tensor, given: Tensor) -> OutputError:
    if expected.dtype != given.dtype:
        return wrong(name, f"dtype {given.dtype} instead of {expected.dtype}")
    if expected.shape != given.shape:
        return wrong(name, f"shape {list(given.shape)} instead of {list(expected.shape)}")
    if expected.dtype.is_complex:
        expected, given = torch.view_as_real(expected), torch.view_as_real(given)
    if not expected.dtype.is_floating_point:
        return _exact(name, expected, given)
    return _errors(name, expected, given, tolerance_of(expected.dtype))


def tolerance_of(dtype: torch.dtype) -> float:
    """Of floats; everything else must be equal."""
    if not (dtype.is_floating_point or dtype.is_complex):
        return 0.0
    return max(TOLERANCE, HALF_STEPS * torch.finfo(dtype).eps)


def _exact(name: str, expected: Tensor, given: Tensor) -> OutputError:
    error = _largest((expected.double() - given.double()).abs())
    scale = max(1.0, _largest(expected.double().abs()))
    return OutputError(name, error, error / scale, torch.equal(expected, given))


def _errors(name: str, expected: Tensor, given: Tensor, tolerance: float) -> OutputError:
    a, b = expected.double(), given.double()
    same = (a == b) | (a.isnan() & b.isnan())
    error = _largest(torch.where(same, 0.0, (a - b).abs().nan_to_num(math.inf, math.inf)))
    largest = _largest(a[a.isfinite()].abs())
    scale = max(1.0, largest)
    # Zeros would pass as well: the comparison holds, but says little.
    note = f"none above {largest:.0e}" if 0 < largest <= tolerance else ""
    return OutputError(name, error, error / scale, error <= tolerance * scale, note)


def _largest(values: Tensor) -> float:
    return float(values.max()) if values.numel() else 0.0
