"""Products with int8 weights: of floats that become bytes in the run, and of bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from wasm_torch_web.ops.epilogue import activation_attributes, activation_cases, finish
from wasm_torch_web.ops.gemm import matmul_flops
from wasm_torch_web.ops.integers import (
    BYTES,
    NO_ACTIVATION,
    end_static,
    packed,
    packed_operands,
    quantize_over,
    static_attributes,
    unpack,
)
from wasm_torch_web.ops.samples import bytes_of_seven_bits, corners, normal
from wasm_torch_web.ops.table import F32, Case, integer, row, tensor


def _sums(
    q: torch.Tensor, zero: torch.Tensor | int, weight: torch.Tensor, sums: torch.Tensor
) -> torch.Tensor:
    """Of (q - zero) times the weights: whole numbers, as float32."""
    matrix = unpack(weight)[:, : q.shape[-1]]
    return (q.double() @ matrix.double().t() - zero * sums.double()).float()


def _quantized_linear(
    input: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor,
    sums: torch.Tensor,
    bias: torch.Tensor,
    residual: torch.Tensor | None,
    columns: int,
    **epilogue: Any,
) -> torch.Tensor:
    q, row_scale, zero = quantize_over(input, (-1,))
    y = _sums(q, zero.double(), weight, sums) * (row_scale * scale) + bias
    return finish(y[..., :columns], residual, **epilogue)


def _static_linear(
    input: torch.Tensor,
    weight: torch.Tensor,
    scale: torch.Tensor,
    sums: torch.Tensor,
    bias: torch.Tensor,
    residual: torch.Tensor | None,
    columns: int,
    zero: int,
    **end: Any,
) -> torch.Tensor:
    y = _sums(input, zero, weight, sums) * scale + bias
    return end_static(y[..., :columns], residual, **end)


_SIZES = ((1, 1, 1), (3, 5, 4), (4, 8, 15), (7, 17, 3), (15, 24, 33), (25, 9, 64))  # m, n, k


def _cases() -> Iterator[Case]:
    def case(
        x: torch.Tensor,
        n: int,
        residual: torch.Tensor | None = None,
        attributes: dict[str, Any] = NO_ACTIVATION,
    ) -> Case:
        operands = packed(normal(n, x.shape[-1], seed=1), normal(n, seed=2))
        return Case((x, *operands, residual), {**attributes, "columns": n})

    for m, n, k in _SIZES:
        yield case(normal(m, k), n)
    for attributes in activation_cases():
        yield case(normal(7, 12), 21, normal(7, 21, seed=3), attributes)
    yield case(normal(2, 3, 4, 20)[:, 1:, ::2, 3:], 16)
    yield case(normal(20), 6, normal(6, seed=3))
    yield case(normal(0, 5), 6)
    yield case(normal(1, 300), 1000)
    yield case(normal(70, 300).relu(), 520)
    yield case(torch.cat([torch.zeros(2, 40), normal(3, 40) * 1e-36, normal(3, 40) * 1e30]), 9)
    yield case(torch.cat([corners(9, 8), normal(2, 8)]), 5)
    extreme = torch.full((5, 2050), 1.0)
    extreme[1:, ::2] = -1
    operands = packed(_extreme_weight(), None)
    yield Case((extreme, *operands, None), {**NO_ACTIVATION, "columns": 11})


def _extreme_weight() -> torch.Tensor:
    weight = torch.full((11, 2050), -3.0)
    weight[::2, 1::2] = 3
    return weight


def _static_cases() -> Iterator[Case]:
    def case(
        x: torch.Tensor, n: int, residual: torch.Tensor | None = None, **attributes: Any
    ) -> Iterator[Case]:
        k = x.shape[-1]
        operands = packed(normal(n, k, seed=1), normal(n, seed=2) + 60)
        operands = operands._replace(scale=operands.scale / (2 + k**0.5))
        common = {**NO_ACTIVATION, "columns": n, "zero": 37, "residual_scale": 0.75, **attributes}
        yield Case((x, *operands, residual), {**common, "dtype": torch.uint8})
        yield Case((x, *operands, residual), {**common, "dtype": torch.float32})

    for m, n, k in _SIZES:
        yield from case(bytes_of_seven_bits(m, k), n)
    clamps = [one for one in activation_cases() if one["activation"] in ("none", "relu", "clamp")]
    for attributes in clamps:
        bounds = {"low": attributes["low"] * 90, "high": attributes["high"] * 90}
        residual = bytes_of_seven_bits(2, 7, 21, seed=3)
        yield from case(bytes_of_seven_bits(2, 7, 12), 21, residual, **attributes | bounds)
    for attributes in activation_cases():
        yield list(case(bytes_of_seven_bits(5, 12), 13, **attributes, zero=0))[1]
    yield from case(bytes_of_seven_bits(0, 8), 6)
    yield from case(bytes_of_seven_bits(20), 6, zero=127)
    yield from case(bytes_of_seven_bits(1, 300), 1000)
    yield from case(bytes_of_seven_bits(70, 300), 520)
    operands = packed(_extreme_weight(), None)
    for value in (0, 127):
        x = torch.full((5, 2050), value, dtype=torch.uint8)
        attributes = {**NO_ACTIVATION, "columns": 11, "zero": 127 - value}
        yield Case((x, *operands, None), {**attributes, "dtype": torch.float32})


def _row(name: str, input: Any, residual: Any, output: Any, *attributes: Any, **rest: Any) -> None:
    row(
        name,
        inputs=[input, *packed_operands(), residual],
        outputs=[output],
        attributes=[integer("columns"), *attributes],
        flops=matmul_flops,
        **rest,
    )


_row(
    "quantized_linear",
    tensor("input", F32, "rows"),
    tensor("residual", F32, optional=True),
    tensor("output", F32),
    *activation_attributes(),
    reference=_quantized_linear,
    cases=_cases,
)
_row(
    "static_linear",
    tensor("input", BYTES),
    tensor("residual", BYTES, optional=True),
    tensor("output", BYTES + F32),
    *static_attributes(),
    reference=_static_linear,
    cases=_static_cases,
)
