"""Every forward overload of Core ATen is lowered, or PyTorch decomposes it into what is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.export import default_decompositions

from wasm_torch_web.ops import LOWERINGS

# Overloads that write into an argument: torch.export records what they compute.
RECORDED_AS = {
    "aten.atan2.out": "aten.atan2.default",
    "aten.resize_.default": "aten.as_strided.default",
    "aten._native_batch_norm_legit.default": "aten._native_batch_norm_legit_functional.default",
}


def core() -> Iterator[Any]:
    """All overloads that have the tag, those of gradients aside."""
    for name in torch._C._dispatch_get_all_op_names():
        if not name.startswith("aten::") or "backward" in name:
            continue
        packet, _, overload = name.removeprefix("aten::").partition(".")
        op = getattr(getattr(torch.ops.aten, packet), overload or "default")
        if torch.Tag.core in op.tags:
            yield op


def is_number(op: Any) -> bool:
    """Sizes and what else is a number is an expression of the plan, without an operator."""
    return all(str(one.type) in ("int", "bool", "number") for one in op._schema.returns)


OVERLOADS = sorted(map(str, (op for op in core() if not is_number(op))))
SUPPORTED = LOWERINGS.keys() | {str(op) for op in default_decompositions()}


def test_they_are_found() -> None:
    assert len(OVERLOADS) > 170


@pytest.mark.parametrize("name", OVERLOADS)
def test_supported(name: str) -> None:
    assert RECORDED_AS.get(name, name) in SUPPORTED
