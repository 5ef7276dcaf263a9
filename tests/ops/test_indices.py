"""Indices that name nothing: every row that takes any tells which, and what the bound is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from support.cases import TOLERANCE, Plan, fault, files_of, given_of, make_plan
from support.lowered import Function
from support.wasm import outputs_on_wasm
from torch import Tensor

from wasm_torch_web.capture import export_module
from wasm_torch_web.compiler import compile_program
from wasm_torch_web.errors import ERRORS
from wasm_torch_web.ops import ROWS, Case, Row
from wasm_torch_web.ops.table import INDEX

OUT_OF_RANGE = ERRORS["index-out-of-range"].number
HUGE = 2**31 - 1
Attributes = dict[str, Any]
Inputs = tuple[Tensor | None, ...]


def _along(x: Tensor, axis: int) -> int:
    return x.shape[axis] if x.dim() else 1


# Row -> the bound of the indices in its input i, for inputs and attributes; numbers from 0 on.
COUNTED: dict[str, Callable[[Inputs, Attributes, int], int]] = {
    "embedding": lambda x, a, i: x[0].shape[0],
    "quantized_embedding": lambda x, a, i: a["rows"],
    "gather": lambda x, a, i: _along(x[0], a["dim"]),
    "scatter": lambda x, a, i: _along(x[0], a["dim"]),
    "one_hot": lambda x, a, i: a["num_classes"],
    "roi_align": lambda x, a, i: x[0].shape[0],
    "roi_pool": lambda x, a, i: x[0].shape[0],
    "ps_roi_pool": lambda x, a, i: x[0].shape[0],
}
# Negative ones may count from the end.
WRAPPED: dict[str, Callable[[Inputs, Attributes, int], int]] = {
    "index": lambda x, a, i: x[0].shape[a["axes"][i - 1]],
    "index_put": lambda x, a, i: x[0].shape[a["axes"][i - 2]],
}
# Numbers from 1 on.
PIVOTS: dict[str, Callable[[Inputs, Attributes, int], int]] = {
    "lu_permutation": lambda x, a, i: a["size"],
    "linalg_lu_solve": lambda x, a, i: x[0].shape[-1],
}
# What takes integers of these dtypes for something else: a state; counts, which have a test of
# their own.
NO_INDICES = {"random", "repeat_interleave"}
BOXES = {"roi_align": 1, "roi_pool": 1, "ps_roi_pool": 1}  # the image is the first of five floats


def places(row: Row, case: Case) -> list[int]:
    """The inputs that are indices."""
    if row.name in BOXES:
        return [BOXES[row.name]]
    return [i for i in range(len(case.inputs)) if _is_index(row, i)]


def _is_index(row: Row, i: int) -> bool:
    operand = row.operand(i)
    return set(operand.dtypes) <= set(INDEX) and operand.name != "sums"


def test_every_row_with_indices_is_here() -> None:
    rows = {
        row.name for row in ROWS.values() if any(_is_index(row, i) for i in range(len(row.inputs)))
    }
    assert rows | set(BOXES) == {*COUNTED, *WRAPPED, *PIVOTS, *NO_INDICES}


def bad(row: str, bound: int, wraps: bool) -> dict[int, int]:
    """Numbers that name nothing, and what is told of each."""
    if row in PIVOTS:
        return {n: n - 1 for n in (0, bound + 1, -1, HUGE)}
    if row in BOXES:
        return {-1: -1, bound: bound, HUGE: bound}
    return {n: n for n in (-bound - 1 if wraps else -1, bound, HUGE, -HUGE - 1)}


def with_one(x: Tensor, number: int, at: int) -> Tensor:
    """The same strides; the element at that place in memory is the number."""
    reach = 1 + sum((n - 1) * s for n, s in zip(x.shape, x.stride(), strict=True))
    memory = torch.as_strided(x, (reach,), (1,), x.storage_offset()).clone()
    memory[at] = number
    return memory.as_strided(x.shape, x.stride())


def refused(row: Row) -> Iterator[tuple[Plan, tuple[int, int, int]]]:
    """Plans with such a number, and what is said: operand, index, bound."""
    assert row.cases is not None
    bound_of = {**COUNTED, **WRAPPED, **PIVOTS}[row.name]
    for number, case in enumerate(row.cases()):
        attributes = {a.name: a.default for a in row.attributes} | case.attributes
        made = make_plan(row, case, f"{row.name}[{number}]", constants=False)
        for i in places(row, case):
            index, bound = case.inputs[i], bound_of(case.inputs, attributes, i)
            assert index is not None
            if index.numel() == 0 or made.expected[0].numel() == 0:
                continue
            for given, told in bad(row.name, bound, attributes.get("wraps", False)).items():
                at = 0 if row.name in BOXES else -1
                inputs = (*case.inputs[:i], with_one(index, given, at), *case.inputs[i + 1 :])
                plan = replace(made, inputs=given_of(replace(case, inputs=inputs)))
                yield plan, (i, told, bound)


@pytest.mark.parametrize("name", [*COUNTED, *WRAPPED, *PIVOTS])
def test_the_operand_the_index_and_the_bound_are_told(name: str) -> None:
    plans, told = zip(*refused(ROWS[name]), strict=True)
    for plan, said, (operand, index, bound) in zip(
        plans, outputs_on_wasm(plans), told, strict=True
    ):
        assert isinstance(said, str), f"{plan.name}: {index} of {bound} was taken"
        wanted = rf"code {OUT_OF_RANGE}: node \d, operand {operand}, line \d+, {index} of {bound}"
        assert re.fullmatch(wanted, said), f"{plan.name}: {said}, expected {wanted}"


@pytest.mark.parametrize(
    ("repeats", "told"),
    [((2, -1, 3, 1), "-1 of 4"), ((2, 0, 5, 1), "5 of 4"), ((2, 0, 3, 0), "5 of 6")],
)
def test_counts_that_are_no_part_of_the_size(repeats: tuple[int, ...], told: str) -> None:
    """The count and the room that is left for it; or their sum, where it is below the size."""
    row = ROWS["repeat_interleave"]
    case = Case((torch.tensor([2, 0, 3, 1]),), {"size": 6})
    plan = make_plan(row, case, row.name, constants=False)
    (said,) = outputs_on_wasm([replace(plan, inputs=[torch.tensor(repeats)])])
    assert re.fullmatch(rf"code {OUT_OF_RANGE}: node 0, operand 0, line \d+, {told}", str(said))


# Calls with an index that PyTorch refuses where it is negative.
UNSIGNED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "index_select": lambda x, i: x.index_select(0, i),
    "gather": lambda x, i: x.gather(0, i[None]),
    "embedding": lambda x, i: F.embedding(i, x),
    "embedding_bag": lambda x, i: F.embedding_bag(i[None], x),
    "one_hot": lambda x, i: F.one_hot(i, 5),
    "index_add": lambda x, i: x.index_add(0, i, x[:3]),
    "index_copy": lambda x, i: x.index_copy(0, i, x[:3]),
    "index_reduce": lambda x, i: x.index_reduce(0, i, x[:3], "mean"),
    "scatter": lambda x, i: x.scatter(0, i[None], 1.0),
    "scatter_add": lambda x, i: x.scatter_add(0, i[None], x[:3]),
    "scatter_reduce": lambda x, i: x.scatter_reduce(0, i[None], x[:3], "amax"),
    "nll_loss": lambda x, i: F.nll_loss(x.mT, i),
    "cross_entropy": lambda x, i: F.cross_entropy(x.mT, i),
    "multi_margin_loss": lambda x, i: F.multi_margin_loss(x.mT, i),
}
# And where it counts from the end.
SIGNED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "x[i]": lambda x, i: x[i],
    "x[:, i]": lambda x, i: x.mT[:, i],
    "x[i[1]]": lambda x, i: x[i[1]],
    "take": lambda x, i: x[:, 0].take(i),
    "put": lambda x, i: x[:, 0].put(i, x[0]),
    "index_put": lambda x, i: x.index_put((i,), x[:3], accumulate=True),
    "index_fill": lambda x, i: x.index_fill(0, i, 2.0),
}


def test_calls_refuse_what_pytorch_refuses() -> None:
    x, good = torch.randn(5, 3), torch.tensor([0, 1, 2])
    names, plans = [], []
    for name, function in {**UNSIGNED, **SIGNED}.items():
        graph = compile_program(export_module(Function(function), (x, good), {})).graph
        plan, weights = files_of(graph)
        for number in (-1, -6, 5, -HUGE - 1, 2**40):
            index = torch.tensor([0, number, 2])
            if name in SIGNED and number == -1:
                expected = [function(x, index)]
            else:
                with pytest.raises((IndexError, RuntimeError)):
                    function(x, index)
                expected = [torch.empty(0)]
            names.append((name, number))
            plans.append(Plan(name, plan, weights, [x, index], expected, TOLERANCE))
    for (name, number), plan, given in zip(names, plans, outputs_on_wasm(plans), strict=True):
        if name in SIGNED and number == -1:
            assert not isinstance(given, str) and fault(plan, given) is None, name
        else:
            assert str(given).startswith(f"code {OUT_OF_RANGE}: "), (name, number, given)
            assert str(given).endswith(f", {number} of 5"), (name, number, given)
