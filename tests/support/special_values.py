"""The cases of rows with special values among their numbers, as plans; and whether outputs are
PyTorch's, element by element.

A case is run once for each kind of special value, scattered over all its operands, so that what
one NaN does to a sum does not hide what an infinity does to it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from support.cases import Plan, given_of, make_plan, reference
from support.special_limits import DIVISIONS, KINDS, NUMBERS, REFUSED, UNORDERED, limited
from torch import Tensor

from wasm_torch_web.ops import ROWS, Case, Row
from wasm_torch_web.ops.table import INDEX, INTS

STEP = 5  # elements from one special value to the next


def values_of(kind: str, dtype: torch.dtype) -> list[float]:
    """The special values of a kind, as far as `dtype` has any."""
    if not dtype.is_floating_point:
        if kind != "largest" or dtype not in INTS:
            return []
        limits = torch.iinfo(dtype)
        return [limits.min, limits.max]
    finfo = torch.finfo(dtype)
    normal = finfo.smallest_normal
    return {
        "nan": [math.nan],
        "infinity": [math.inf, -math.inf],
        "zero": [-0.0, 0.0],
        "denormal": [normal / 2, -normal / 4, normal * finfo.eps, -normal * finfo.eps],
        "largest": [finfo.max, finfo.min],
    }[kind]


@dataclass(frozen=True)
class Special:
    """A plan, and what its case is made of."""

    row: Row
    kind: str
    plan: Plan


def special_plans(pattern: str = "") -> Iterator[Special]:
    """For each row whose name has `pattern` in it."""
    for row in sorted(ROWS.values(), key=lambda r: r.name):
        if row.cases is None or not re.search(pattern, row.name):
            continue
        for index, case in enumerate(_chosen(list(row.cases()))):
            plan = None
            for kind in KINDS:
                found = _special(case, row, kind)
                if found is None or (row.name, kind) in REFUSED:
                    continue
                plan = plan or make_plan(row, case, "", constants=False)
                name = f"{row.name}[{index}, {kind}]"
                expected = reference(row, found)
                yield Special(
                    row, kind, replace(plan, name=name, inputs=given_of(found), expected=expected)
                )


def _chosen(cases: list[Case]) -> list[Case]:
    """Of each combination of dtypes the two with most elements, small ones having few values."""
    found: dict[tuple[object, ...], list[Case]] = {}
    for case in sorted(cases, key=_size):
        found.setdefault(tuple(None if x is None else x.dtype for x in case.inputs), []).append(
            case
        )
    return [case for alike in found.values() for case in alike[-2:]]


def _size(case: Case) -> int:
    """Large ones only take longer."""
    numbers = sum(x.numel() for x in case.inputs if x is not None)
    return numbers if numbers <= 5000 else -numbers


def _special(case: Case, row: Row, kind: str) -> Case | None:
    """The case with such values; None where it has no numbers to put them in."""
    inputs = tuple(
        _scattered(data, kind, index, row) if data is not None and _takes(row, index) else data
        for index, data in enumerate(case.inputs)
    )
    same = all(a is b for a, b in zip(inputs, case.inputs, strict=True))
    return None if same else replace(case, inputs=inputs)


def _takes(row: Row, index: int) -> bool:
    """Whether an operand is any numbers, and not indices, bounds or codes."""
    if index not in NUMBERS.get(row.name, (index,)):
        return False
    return not set(row.operand(index).dtypes) <= {*INDEX, torch.bool}


def _scattered(data: Tensor, kind: str, index: int, row: Row) -> Tensor:
    """In the memory of a tensor of any strides, every fifth element from another one on for each
    operand, so that special values meet each other and ordinary ones."""
    if data.dtype.is_complex:
        return torch.view_as_complex(_scattered(torch.view_as_real(data), kind, index, row))
    values = values_of(kind, data.dtype)
    if row.name in DIVISIONS and values and data.dtype in INTS:
        values = values[1:]
    if not values or data.numel() == 0:
        return data
    reach = 1 + sum((n - 1) * s for n, s in zip(data.shape, data.stride(), strict=True))
    memory = torch.as_strided(data, (reach,), (1,), data.storage_offset()).clone()
    start = 2 * index % STEP
    places = torch.arange(start if start < reach else 0, reach, STEP)
    memory[places] = torch.tensor(values, dtype=data.dtype).repeat(len(places))[: len(places)]
    return memory.as_strided(data.shape, data.stride())


def fault(special: Special, outputs: list[Tensor]) -> str | None:
    """What is wrong with the outputs, or None."""
    name, kind = special.row.name, special.kind
    for index, (given, expected) in enumerate(zip(outputs, special.plan.expected, strict=True)):
        if (name, index) in UNORDERED:
            continue
        wrong = _wrong(given, expected, special.plan.tolerance, kind)
        for what, places in wrong.items():
            if places.any() and not limited(name, kind, what):
                place = int(places.flatten().nonzero()[0])
                pair = [parts(t).flatten()[place].item() for t in (given, expected)]
                count = f"{int(places.sum())} of {places.numel()}, at {place}"
                return f"output {index}, {what}: {count}: {pair[0]}, expected {pair[1]}"
    return None


def _wrong(given: Tensor, expected: Tensor, tolerance: float, kind: str) -> dict[str, Tensor]:
    """Where elements differ, by what of them does."""
    assert (given.dtype, given.shape) == (expected.dtype, expected.shape)
    given, expected = parts(given), parts(expected)
    if not expected.dtype.is_floating_point:
        return {"integer": given != expected}
    finfo = torch.finfo(expected.dtype)
    if expected.dtype in (torch.float16, torch.bfloat16):  # one rounding
        tolerance = max(tolerance, finfo.eps)
    a, b = given.double(), expected.double()
    finite = a.isfinite() & b.isfinite()
    # Beside the largest numbers no error of the others would show.
    scale = b.abs().clamp(min=1) if kind == "largest" else _scale(b)
    return {
        "NaN": a.isnan() != b.isnan(),
        "infinity": (a.isinf() | b.isinf()) & ~a.isnan() & ~b.isnan() & (a != b),
        "number": finite & ((a - b).abs() > tolerance * scale),
        "sign of zero": (a == 0) & (b == 0) & (a.signbit() != b.signbit()),
        "denormal": (a == 0) & (b.abs() >= finfo.smallest_normal / 16) & (b.abs() < 1e-4),
    }


def parts(tensor: Tensor) -> Tensor:
    """Real and imaginary ones; other tensors as they are."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def _scale(b: Tensor) -> Tensor:
    finite = b[b.isfinite()].abs()
    return finite.max().clamp(min=1) if finite.numel() else torch.tensor(1.0)
