"""Pointwise operators: what their rows have in common, how aten calls become them, their cases.

Every row says the dtype that it computes in and the dtype of its result. Operands of any dtype are
converted to `compute` (float32, float64 or int64), the result to `dtype`; integers wrap there.
16-bit floats compute in float32, integers and bool in int64.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch._prims_common import ELEMENTWISE_TYPE_PROMOTION_KIND, elementwise_dtypes

from wasm_torch_web.ops.samples import corners, normal
from wasm_torch_web.ops.table import ALL, FLOATS, INTS, Case, dtype, real, row, tensor

if TYPE_CHECKING:
    from wasm_torch_web.ir import Value
    from wasm_torch_web.lower import Builder

Promotion = ELEMENTWISE_TYPE_PROMOTION_KIND
# What a function exists for, by compute dtype.
FLOATING = (torch.float32, torch.float64)
INTEGRAL = (torch.int64,)
ANY = FLOATING + INTEGRAL


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
) -> None:
    """Adds a row: `function` of operands of dtype `compute`, and of `parameters` (its floats).

    The values of `parameters` are those of the test cases; `boolean` says that results are bool.
    """
    names = operands.split()
    parameters = parameters or {}

    def reference(
        *inputs: torch.Tensor, compute: torch.dtype, dtype: torch.dtype, **numbers: float
    ) -> torch.Tensor:
        return function(*(x.to(compute) for x in inputs), **numbers).to(dtype)

    row(
        name,
        inputs=[tensor(operand, ALL, "strided") for operand in names],
        outputs=[tensor("output", ALL, "like")],
        attributes=[dtype("compute"), dtype("dtype"), *map(real, parameters)],
        reference=reference,
        inplace=0,
        pointwise=True,
        cases=functools.partial(_cases, len(names), computes, parameters, boolean),
    )


def _cases(
    count: int, computes: Sequence[torch.dtype], parameters: dict[str, float], boolean: bool
) -> Iterator[Case]:
    """Every dtype, odd sizes, broadcasting, strides, and values where functions go wrong."""

    def case(*inputs: torch.Tensor) -> Case:
        common = functools.reduce(torch.promote_types, (x.dtype for x in inputs))
        compute = computes_in(common)
        if compute not in computes:
            compute = computes[0]
            common = compute
        result = torch.bool if boolean else common
        return Case(inputs, {"compute": compute, "dtype": result, **parameters})

    def operands(make: Callable[..., torch.Tensor], *shape: int, dtype: torch.dtype) -> Case:
        return case(*(make(*shape, dtype=dtype, seed=seed) for seed in range(count)))

    dtypes = [d for d in FLOATS + INTS if computes_in(d) in computes] or list(FLOATS)
    for one in dtypes:
        make = corners if one.is_floating_point else normal
        yield operands(make, 67, dtype=one)
    for shape in ((), (0, 3), (1,), (3,), (4,), (5,), (15, 17), (3, 1500)):
        yield operands(normal, *shape, dtype=dtypes[0])
    yield case(*(normal(5, 6, 7, dtype=dtypes[0], seed=s).transpose(s % 3, 2) for s in range(count))
               ) if count == 1 else case(*_broadcast(dtypes[0])[:count])
    yield case(*(normal(9, 22, dtype=dtypes[0], seed=s)[1::2, ::3] for s in range(count)))


def _broadcast(dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    return (
        normal(4, 1, 7, 3, dtype=dtype, seed=3).transpose(2, 3),
        normal(5, 1, 1, dtype=dtype, seed=4),
        normal(7, dtype=dtype, seed=5),
    )


def emit(
    b: Builder,
    name: str,
    operands: Sequence[Any],
    compute: torch.dtype,
    dtype: torch.dtype,
    **parameters: Any,
) -> Value:
    """A node of row `name`; numbers among the operands become 0-d constants."""
    values = [x if hasattr(x, "shape") else b.scalar(x, compute) for x in operands]
    attributes = {"compute": compute, "dtype": dtype, **parameters}
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
