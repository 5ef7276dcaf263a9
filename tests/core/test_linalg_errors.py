"""Matrices without an inverse or a Cholesky factor: kernels say which, and how far they came."""

from __future__ import annotations

import pytest
import torch
from samples import code
from support.cases import make_plan
from support.native import Failure, Library, NativeModel

from wasm_torch_web.ops import ROWS, Case


def run(library: Library, row: str, matrices: torch.Tensor) -> list[torch.Tensor | int]:
    """The row on `matrices`, with errors reported."""
    known = Case((BATCH,), {"raises": True})
    plan = make_plan(ROWS[row], known, row, constants=False)
    model = NativeModel(library, plan.plan, plan.weights)
    try:
        return model.run([matrices], len(plan.expected))
    finally:
        model.close()


BATCH = torch.eye(3).repeat(4, 1, 1)


@pytest.mark.parametrize(
    ("row", "slug", "function"),
    [
        ("linalg_lu_factor", "matrix-singular", torch.linalg.inv),
        ("linalg_cholesky", "matrix-not-definite", torch.linalg.cholesky),
    ],
)
def test_the_matrix_and_the_order_are_named(
    library: Library, row: str, slug: str, function
) -> None:
    matrices = BATCH.clone()
    matrices[2, 1, 1] = 0
    with pytest.raises(Failure) as caught:
        run(library, row, matrices)
    assert (caught.value.code, caught.value.given, caught.value.allowed) == (code(slug), 2, 2)
    with pytest.raises(torch.linalg.LinAlgError):
        function(matrices)


@pytest.mark.parametrize("row", ["linalg_lu_factor", "linalg_cholesky"])
def test_others_are_factored(library: Library, row: str) -> None:
    factors, *_, info = run(library, row, BATCH * 4)
    assert isinstance(factors, torch.Tensor) and isinstance(info, torch.Tensor)
    assert torch.equal(factors, BATCH * (4 if row == "linalg_lu_factor" else 2))
    assert not info.any()
