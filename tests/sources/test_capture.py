"""What capture and lowering refuse, each with its code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sympy
import torch
from support.lowered import Function
from torch import Tensor, nn

from wasm_torch_web import signature
from wasm_torch_web.capture import DynamicAxis, decompose, export_module, parse_dynamic
from wasm_torch_web.errors import UserError
from wasm_torch_web.format.expressions import Encoder
from wasm_torch_web.lower import lower

X = torch.ones(4, 2)


class Counts(nn.Module):
    """Keeps a Python number from run to run."""

    count = 0

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        return x * self.count


def capture(function: Callable[..., Any], *dynamic: DynamicAxis, x: Tensor = X) -> Any:
    return export_module(Function(function), (x,), {}, dynamic)


REFUSALS: dict[str, tuple[str, Callable[[], object]]] = {
    "no range": ("dynamic-spec", lambda: parse_dynamic("x.0")),
    "an empty range": ("dynamic-spec", lambda: parse_dynamic("x.0=9..1")),
    "no such input": ("dynamic-spec", lambda: capture(torch.neg, DynamicAxis("q", 0, 1, 8))),
    "no such axis": ("dynamic-spec", lambda: capture(torch.neg, DynamicAxis("x", 2, 1, 8))),
    "an example out of range": (
        "dynamic-spec",
        lambda: capture(torch.neg, DynamicAxis("x", 0, 5, 8)),
    ),
    "an axis that the code fixes": (
        "axis-specialised",
        lambda: capture(lambda x: x + torch.ones(4, 2), DynamicAxis("x", 0, 1, 8)),
    ),
    "a number kept by the module": ("hidden-state", lambda: export_module(Counts(), (X,), {})),
    "two outputs of one name": (
        "name-collision",
        lambda: signature.read(capture(lambda x: {"a_b": x + 1, "a": {"b": x + 2}})),
    ),
    "text among the outputs": (
        "io-type-unsupported",
        lambda: signature.read(capture(lambda x: (x + 1, "text"))),
    ),
    "a dtype without kernels": (
        "dtype-unsupported",
        lambda: lower(decompose(capture(torch.neg, x=X.to(torch.complex128)))),
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
