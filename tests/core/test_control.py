"""Choices and loops: which nodes of a plan run, what they leave, and node by node."""

from __future__ import annotations

import pytest
import torch
from support.native import Library, NativeModel
from support.plans import flowing

X = torch.tensor([-1.0, 2.0, -3.0])
NODES = 17


@pytest.fixture
def model(library: Library):
    made = NativeModel(library, *flowing())
    yield made
    made.close()


def expected(n: int) -> torch.Tensor:
    x = X
    while n > 0:
        n -= 1
        x = x + x if n > 1 else x.abs()
    return x


@pytest.mark.parametrize("n", [0, 1, 2, 5, 30, -4])
def test_a_choice_in_a_loop(model: NativeModel, n: int) -> None:
    count, x = model.run([torch.tensor(n), X], 2)
    assert count == min(n, 0)
    torch.testing.assert_close(x, expected(n), rtol=0, atol=0)


def test_node_by_node(model: NativeModel) -> None:
    model.bind([torch.tensor(3), X])
    ran = model.step_through(NODES)
    torch.testing.assert_close(model.outputs(2, 2)[1], expected(3))
    assert ran.count(3) == 4  # the test: three rounds, and the one that ends it
    assert ran.count(9) == 1 and ran.count(12) == 2  # x + x, |x|
    assert model.next() == NODES
