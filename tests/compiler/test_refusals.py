"""Programs whose inputs, outputs, dtypes or sizes cannot reach a web page: each has its code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sympy
import torch
from support.cases import files_of
from support.lowered import Function
from torch import Tensor

from wasm_torch_web import signature
from wasm_torch_web.capture import decompose, export_module
from wasm_torch_web.compiler import compile_program
from wasm_torch_web.errors import UserError
from wasm_torch_web.format.expressions import Encoder
from wasm_torch_web.lower import lower


def exported(function: Callable[[Tensor], Any], dtype: torch.dtype = torch.float32) -> Any:
    return export_module(Function(function), (torch.ones(4, 2, dtype=dtype),), {})


REFUSALS: dict[str, tuple[str, Callable[[], object]]] = {
    "two outputs of one name": (
        "name-collision",
        lambda: signature.read(exported(lambda x: {"a_b": x + 1, "a": {"b": x + 2}})),
    ),
    "text among the outputs": (
        "io-type-unsupported",
        lambda: signature.read(exported(lambda x: (x + 1, "text"))),
    ),
    "a dtype without kernels": (
        "dtype-unsupported",
        lambda: lower(decompose(exported(torch.clone, torch.uint16))),
    ),
    "a size that the data decides without a limit": (
        "size-unbounded",
        lambda: files_of(
            compile_program(exported(lambda x: x.repeat_interleave(x[0].long(), 1))).graph
        ),
    ),
    "a size that no run can compute": (
        "symbol-unsupported",
        lambda: Encoder({}).encode(sympy.sin(sympy.Symbol("s0")), is_float=True),
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_refused(name: str) -> None:
    slug, attempt = REFUSALS[name]
    with pytest.raises(UserError) as caught:
        attempt()
    assert caught.value.slug == slug, caught.value
