"""Every architecture of the zoo equals PyTorch in the browser, in every variant."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from models.conftest import Proof
from models.zoo import ZOO, Model, make


@pytest.mark.parametrize("name", ZOO)
def test_equals_pytorch(name: str, prove: Callable[[str, Model], Proof]) -> None:
    proof = prove(name, make(name))
    proof.report.raise_if_failed()
    assert set(proof.report.variants) == set(proof.engine.variants)
    # Comparing outputs that vanish would prove nothing.
    largest = max(
        float(value.abs().max())
        for value in proof.expected(proof.example).values()
        if not isinstance(value, (int, float))
    )
    assert largest > 1e-3
