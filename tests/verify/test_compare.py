"""What counts as equal: floats within the tolerance, everything else exactly."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, tensor

from wasm_torch_web.verify.compare import TOLERANCE, compare, excuse

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        (tensor([1.0, NAN, INF]), tensor([1.0, NAN, INF])),
        (tensor([0.0]), tensor([0.99e-4])),
        (tensor([1000.0, 0.0]), tensor([1000.0, 0.099])),
        (tensor([]), tensor([])),
        (tensor(-0.0), tensor(0.0)),
        (tensor([1.0], dtype=torch.float16), tensor([1.002], dtype=torch.float16)),
        (tensor([1 + 1j]), tensor([1 + 1.00009j])),
        (tensor([True]), tensor([True])),
        (2**62, 2.0**62),
        (0.5, 0.50009),
        (3.0, 3),
        (NAN, NAN),
    ],
)
def test_equal(expected: Tensor | float, given: Tensor | float) -> None:
    assert compare("x", expected, given).passed


@pytest.mark.parametrize(
    ("expected", "given"),
    [
        (tensor([0.0]), tensor([1.01e-4])),
        (tensor([1.0, NAN]), tensor([1.0, 2.0])),
        (tensor([1.0, 2.0]), tensor([1.0, NAN])),
        (tensor([INF]), tensor([-INF])),
        (tensor([INF]), tensor([1e38])),
        (tensor([1.0]), tensor([1.0], dtype=torch.float64)),
        (tensor([1.0]), tensor([[1.0]])),
        (tensor([2**62]), tensor([2**62 + 1])),
        (tensor([True]), tensor([False])),
        (tensor([1 + 1j]), tensor([1 + 1.1j])),
        (tensor([1.0], dtype=torch.float16), tensor([1.004], dtype=torch.float16)),
        (tensor(1.0), 1.0),
        (1, tensor(1)),
        (True, 1),
        (3, 3.5),
        (3, 4),
        (2**24, 2**24 + 1),
        (0.5, 0.6),
        (1.0, NAN),
    ],
)
def test_different(expected: Tensor | float, given: Tensor | float) -> None:
    assert not compare("x", expected, given).passed


def test_errors_are_absolute_and_relative_to_the_largest() -> None:
    error = compare("x", tensor([10.0, 1.0]), tensor([10.0, 1.5]))
    assert (error.max_abs, error.max_rel) == (0.5, 0.05)


def test_the_tolerance_grows_with_the_largest_magnitude_only() -> None:
    assert compare("x", tensor([2.0]), tensor([2.0 + 1.9 * TOLERANCE])).passed
    assert not compare("x", tensor([INF, 1.0]), tensor([INF, 1.0 + 2 * TOLERANCE])).passed


def test_a_note_warns_of_values_so_small_that_zeros_would_pass() -> None:
    assert compare("x", tensor([1e-9]), tensor([0.0])).note == "none above 1e-09"
    assert compare("x", tensor([1.0, 1e-9]), tensor([1.0, 0.0])).note == ""
    assert compare("x", tensor([0.0]), tensor([0.0])).note == ""


def test_a_note_says_what_cannot_be_compared() -> None:
    assert (
        compare("x", tensor([1.0]), tensor([1])).note
        == "dtype torch.int64 instead of torch.float32"
    )
    assert compare("x", tensor([1.0]), tensor([[1.0]])).note == "shape [1, 1] instead of [1]"


F64 = torch.float64


@pytest.mark.parametrize(
    ("expected", "given", "exact", "passed"),
    [
        (tensor([1.1]), tensor([1.0]), tensor([1.0], dtype=F64), True),
        (tensor([1.1]), tensor([0.95]), tensor([1.0], dtype=F64), True),
        (tensor([1.1]), tensor([0.85]), tensor([1.0], dtype=F64), False),
        (tensor([1.0]), tensor([1.001]), tensor([1.0], dtype=F64), False),
        (tensor([1.1]), tensor([NAN]), tensor([1.0], dtype=F64), False),
        (tensor([NAN]), tensor([2.0]), tensor([1.0], dtype=F64), False),
        (tensor([1.1]), tensor([1.0]), tensor([INF], dtype=F64), False),
        (tensor([1.1]), tensor([1.0]), tensor([1.0]), False),
        (tensor([1.1], dtype=F64), tensor([1.0], dtype=F64), tensor([1.0], dtype=F64), False),
        (tensor([2]), tensor([1]), tensor([1]), False),
        (1.1, 1.0, 1.0, False),
    ],
)
def test_a_difference_is_excused_by_pytorchs_own_error_alone(
    expected: Tensor | float, given: Tensor | float, exact: Tensor | float, passed: bool
) -> None:
    error = compare("x", expected, given)
    assert not error.passed
    excused = excuse(error, expected, given, exact)
    assert excused.passed == passed
    assert ("ill-conditioned" in excused.note, excused.tolerance is not None) == (passed, passed)


@pytest.mark.parametrize(("given", "passed"), [(0.85, True), (0.75, False)])
def test_twice_pytorchs_own_error_may_be_near_enough(given: float, passed: bool) -> None:
    expected, exact = tensor([1.1]), tensor([1.0], dtype=F64)
    error = compare("x", expected, tensor([given]))
    assert excuse(error, expected, tensor([given]), exact, times=2).passed == passed
