"""Pointwise operators: what their rows have in common, how aten calls become them, their cases.

Every row says the dtype that it computes in and the dtype of its result. Operands of any dtype are
converted to `compute` (float32, float64 or int64), the result to `dtype`; integers wrap there.
16-bit floats compute in float32, integers and bool in int64.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch._prims_common import ELEMENTWISE_TYPE_PROMOTION_KIND, elementwise_dtypes

from wasm_torch_web.ops.samples import corners, normal
from wasm_torch_web.ops.table import (
    ALL,
    Case,
    Unsupported,
    dtype,
    dtype_name,
    lowers,
    real,
    row,
    tensor,
)

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

Promotion = ELEMENTWISE_TYPE_PROMOTION_KIND
# What a function exists for, by compute dtype. Rare ones do without float32.
FLOATING = (torch.float32, torch.float64)
DOUBLE = (torch.float64,)
INTEGRAL = (torch.int64,)
ANY = FLOATING + INTEGRAL
_COMPUTES: dict[str, Sequence[torch.dtype]] = {}  # row -> compute dtypes


def computes_in(dtype: torch.dtype) -> torch.dtype:
    """The compute dtype of operands of a dtype."""
    if dtype == torch.float64:
        return dtype
    return torch.float32 if dtype.is_floating_point else torch.int64


def pointwise(
    name: str,
    function: Callable[..., torch.Tensor],
    operands: str = "input",
    computes: Sequence[torch.dtype] = FLOATING,
    parameters: dict[str, float] | None = None,
    boolean: bool = False,
    **facts: Any,
) -> None:
    """Adds a row: `function` of operands of dtype `compute`, and of `parameters` (its floats).

    The values of `parameters` are those of the test cases; `boolean` says that results are bool;
    `facts` are other fields of the row.
    """
    names = operands.split()
    parameters = parameters or {}
    _COMPUTES[name] = computes

    def reference(
        *inputs: torch.Tensor, compute: torch.dtype, dtype: torch.dtype, **numbers: float
    ) -> torch.Tensor:
        return function(*(x.to(compute) for x in inputs), **numbers).to(dtype)

    cases = functools.partial(_cases, name, len(names), parameters, boolean)
    row(
        name,
        inputs=[tensor(operand, ALL, "strided") for operand in names],
        outputs=[tensor("output", ALL, "like")],
        attributes=[dtype("compute"), dtype("dtype"), *map(real, parameters)],
        reference=reference,
        **{"inplace": 0, "cases": cases, **facts},
    )


def _cases(name: str, count: int, parameters: dict[str, float], boolean: bool) -> Iterator[Case]:
    """Every dtype, odd sizes, broadcasting, strides, and values where functions go wrong."""
    every = [one for one in ALL if _available(name, computes_in(one)) in _COMPUTES[name]]
    main = every[0]

    def case(inputs: Iterable[torch.Tensor], dtype: torch.dtype = main) -> Case:
        compute = _available(name, computes_in(dtype))
        attributes = {"compute": compute, "dtype": torch.bool if boolean else dtype}
        return Case(tuple(inputs), {**attributes, **parameters})

    def samples(*shape: int, dtype: torch.dtype = main) -> list[torch.Tensor]:
        return [sample(*shape, dtype=dtype, seed=seed) for seed in range(count)]

    for one in every:
        yield case(samples(67, dtype=one), one)
    for shape in ((), (0, 3), (1,), (3,), (4,), (5,), (15, 17), (3, 1500), (40000,)):
        yield case(samples(*shape))
    yield case(sample(41, dtype=every[(3 * i + 1) % len(every)], seed=i) for i in range(count))
    yield case(x[1::2, ::3] for x in samples(9, 22))
    yield case(x.transpose(0, 2) for x in samples(4, 5, 6))
    yield case(x.permute(0, 3, 1, 2) for x in samples(2, 5, 3, 7))
    if count > 1:
        shapes = ((4, 1, 7, 3), (5, 1, 1), (3,))
        yield case(sample(*shapes[i], dtype=main, seed=i) for i in range(count))
        yield case(sample(*shapes[2 - i], dtype=main, seed=i) for i in range(count))
        yield case(sample(*((2, 33, 40) if i == 0 else ()), dtype=main) for i in range(count))


def sample(*shape: int, dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    """Floats with corner values; integers of both signs, zeros among them."""
    if dtype.is_floating_point:
        return corners(*shape, dtype=dtype, seed=seed)
    return (normal(*shape, dtype=torch.float64, seed=seed) * 4).to(torch.int64).to(dtype)


def _available(name: str, compute: torch.dtype) -> torch.dtype:
    """`compute`, or float64 for a row that has no float32 function."""
    double = compute == torch.float32 and torch.float32 not in _COMPUTES[name]
    return torch.float64 if double else compute


def emit(
    b: Builder,
    name: str,
    operands: Sequence[Any],
    compute: torch.dtype,
    dtype: torch.dtype,
    **parameters: Any,
) -> Value:
    """A node of row `name`; numbers among the operands become 0-d constants of dtype `compute`."""
    values = [x if hasattr(x, "shape") else b.scalar(x, compute) for x in operands]
    available = _available(name, compute)
    if available not in _COMPUTES[name]:
        raise Unsupported(f"{name} on {dtype_name(compute)}")
    attributes = {"compute": available, "dtype": dtype, **parameters}
    result: Value = b.emit(name, values, attributes)
    return result


def promoted(
    operands: Sequence[Any], promotion: Promotion = Promotion.DEFAULT
) -> tuple[torch.dtype, torch.dtype]:
    """(compute, result) dtypes of operands as PyTorch promotes them: 0-d tensors and numbers
    change the dtype only where they are of a higher kind (bool, int, float)."""
    stand_ins = [_stand_in(x) for x in operands if x is not None]
    compute, result = elementwise_dtypes(*stand_ins, type_promotion_kind=promotion)
    return computes_in(compute), result


def _stand_in(operand: Any) -> Any:
    """Something of the same dtype and kind that torch's promotion understands."""
    if hasattr(operand, "shape"):
        return torch.empty((1,) * len(operand.shape), dtype=operand.dtype, device="meta")
    if isinstance(operand, sympy.Basic):
        return 1 if operand.is_integer else 1.0
    return operand


def lower_as(
    name: str, *targets: str, operands: str = "self", promotion: Promotion = Promotion.DEFAULT
) -> None:
    """These aten overloads are row `name` of the arguments that `operands` names."""
    names = operands.split()

    @lowers(*targets)
    def lowering(b: Builder, a: dict[str, Any]) -> Value:
        return promote(b, name, [a[operand] for operand in names], promotion)


def promote(
    b: Builder,
    name: str,
    operands: Sequence[Any],
    promotion: Promotion = Promotion.DEFAULT,
    **parameters: Any,
) -> Value:
    """`emit` with the dtypes that PyTorch gives these operands."""
    compute, result = promoted(operands, promotion)
    return emit(b, name, operands, compute, result, **parameters)
