"""What PyTorch and the browser drew in several runs in, whether one distribution gives both out.

Random numbers are not PyTorch's own, so that no element can be compared. What is: sizes, range,
mean and deviation of all elements, and the mean of each. Means of RUNS runs may be apart by a few
standard errors; both sides have seeds, so that a verdict does not change from build to build.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from wasm_torch_web.verify.compare import OutputError, tolerance_of, wrong

RUNS = 16
# Standard errors: chance passes the first once in a million measures, the second in 10^12 elements.
OF_MEASURES, OF_ELEMENTS = 8.0, 12.0
NOTE = f"drawn at random: sizes, range, mean and deviation are those of PyTorch over {RUNS} runs"
MEASURES = ("finite share", "mean", "deviation", "least", "largest")  # after the sizes
MEAN = MEASURES.index("mean") - len(MEASURES)


def compare_drawn(
    name: str, expected: Sequence[Tensor | float], given: Sequence[Tensor | float]
) -> OutputError:
    """An output's values in RUNS runs, in PyTorch and in the browser; errors are of the mean."""
    theirs, ours = ([_tensor(v) for v in values] for values in (expected, given))
    kinds = {(value.dtype, value.dim()) for value in theirs}
    if {(value.dtype, value.dim()) for value in ours} != kinds:
        return wrong(name, "drawn at random: another dtype or number of axes")
    tolerance = tolerance_of(theirs[0].dtype)
    a, b = (torch.stack([_measures(value) for value in values]) for values in (theirs, ours))
    differing = _apart(a, b, OF_MEASURES, tolerance).nonzero()
    if len(differing):
        return wrong(name, f"drawn at random: {_told(int(differing[0]), a.mean(0), b.mean(0))}")
    if len({value.shape for value in (*ours, *theirs)}) == 1:
        x, y = (torch.stack([_reals(value) for value in values]) for values in (theirs, ours))
        if bool(_apart(x, y, OF_ELEMENTS, tolerance).any()):
            return wrong(name, "drawn at random: the means of some elements are not PyTorch's")
    mean, other = (float(measures[:, MEAN].mean()) for measures in (a, b))
    return OutputError(name, abs(mean - other), abs(mean - other) / max(1.0, abs(mean)), True, NOTE)


def _tensor(value: Tensor | float) -> Tensor:
    """A number as 0-d: JSON writes 3.0 as 3, so that its Python type says nothing."""
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)


def _told(index: int, theirs: Tensor, ours: Tensor) -> str:
    """Which measure differs, and how."""
    axes = len(theirs) - len(MEASURES)
    what = f"size {index}" if index < axes else MEASURES[index - axes]
    return f"{what} {float(ours[index]):.4g}, PyTorch's {float(theirs[index]):.4g}"


def _reals(value: Tensor) -> Tensor:
    """The elements in a row, complex ones as two; what is not finite counts as 0."""
    reals = torch.view_as_real(value) if value.dtype.is_complex else value
    return reals.double().nan_to_num(0, 0, 0).reshape(-1)


def _measures(value: Tensor) -> Tensor:
    """The sizes, then MEASURES."""
    reals = torch.view_as_real(value) if value.dtype.is_complex else value
    elements = reals.double().reshape(-1)
    finite = elements[elements.isfinite()]
    if finite.numel() == 0:
        return torch.tensor([*value.shape, 0, 0, 0, 0, 0], dtype=torch.float64)
    share = torch.tensor(finite.numel() / elements.numel())
    numbers = (share, finite.mean(), finite.std(correction=0), finite.min(), finite.max())
    return torch.tensor([*value.shape, *map(float, numbers)], dtype=torch.float64)


def _apart(a: Tensor, b: Tensor, most: float, tolerance: float) -> Tensor:
    """Whether the means over axis 0 are apart by more than so many standard errors."""
    deviation = ((a.var(0) + b.var(0)) / len(a)).sqrt()
    scale = torch.maximum(a.abs().amax(0), torch.tensor(1.0))
    return (a.mean(0) - b.mean(0)).abs() > most * deviation + tolerance * scale
