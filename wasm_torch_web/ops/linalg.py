"""Linear algebra: the rows; `linalg_lowerings` has what calls of PyTorch become of them.

Matrices of float32 and float64, as in PyTorch, with any leading axes; kernels compute in float64
and round once. `raises` makes a kernel report a matrix that cannot be factored; otherwise that is
what the second or third output, `info`, is for.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from wasm_torch_web.ops.samples import normal
from wasm_torch_web.ops.table import Case, flag, integer, row, tensor

WIDE = (torch.float32, torch.float64)
INT32 = (torch.int32,)
INT64 = (torch.int64,)
SQUARES = ((0, 0), (1, 1), (5, 5), (17, 17), (2, 3, 4, 4), (3, 0, 0), (0, 2, 2))


def _regular(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    """Matrices that are far from singular."""
    return normal(*shape, dtype=dtype, seed=seed) + 4 * torch.eye(*shape[-2:], dtype=dtype)


def _definite(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    x = normal(*shape, dtype=dtype)
    return x @ x.mT + torch.eye(shape[-1], dtype=dtype)


def _factor_cases() -> Iterator[Case]:
    for shape in (*SQUARES, (3, 5), (7, 2), (2, 0, 3), (2, 3, 0)):
        yield from (Case((normal(*shape, dtype=dtype),)) for dtype in WIDE)
    singular = torch.tensor(
        [[[1.0, 2, 3], [2, 4, 7], [4, 8, 1]], [[0, 0, 0], [0, 1, 0], [2, 0, 0]]]
    )
    yield Case((singular,))


row(
    "linalg_lu_factor",
    inputs=[tensor("a", WIDE)],
    outputs=[tensor("lu", WIDE), tensor("pivots", INT32), tensor("info", INT32)],
    attributes=[flag("raises", False)],
    reference=lambda a, raises: torch.linalg.lu_factor_ex(a, check_errors=raises),
    cases=_factor_cases,
)

row(
    "linalg_cholesky",
    inputs=[tensor("a", WIDE)],
    outputs=[tensor("l", WIDE), tensor("info", INT32)],
    attributes=[flag("raises", False)],
    reference=lambda a, raises: torch.linalg.cholesky_ex(a, check_errors=raises),
    cases=lambda: [Case((_definite(*shape, dtype=dtype),)) for shape in SQUARES for dtype in WIDE],
)


def _permutation(pivots: torch.Tensor, size: int) -> torch.Tensor:
    shape = (*pivots.shape[:-1], size, pivots.shape[-1])
    columns = torch.lu_unpack(pivots.new_empty(shape, dtype=torch.float32), pivots)[0]
    return columns.argmax(-2) if size else columns.new_empty(columns.shape[:-1], dtype=torch.int64)


row(
    "lu_permutation",
    inputs=[tensor("pivots", INT32)],
    outputs=[tensor("order", INT64)],
    # order[i]: the row of the matrix that row i of its factors comes from.
    attributes=[integer("size")],
    reference=_permutation,
    cases=lambda: [
        Case((torch.linalg.lu_factor_ex(normal(*shape))[1],), {"size": shape[-2]})
        for shape in (*SQUARES, (3, 5), (7, 2))
    ],
)


def _triangular_cases() -> Iterator[Case]:
    for index, (shape, dtype) in enumerate((s, d) for s in SQUARES for d in WIDE):
        a, right = _regular(*shape, dtype=dtype), normal(*shape[:-1], 3, dtype=dtype)
        yield Case((a, right), {"upper": index % 2 == 0, "unitriangular": False})
        yield Case((a, right), {"upper": index % 2 != 0, "unitriangular": False})
    a, right = normal(5, 5), normal(5, 17)
    yield from (Case((a, right), {"upper": upper, "unitriangular": True}) for upper in (0, 1))
    yield Case((a, normal(5, 0)), {"upper": True, "unitriangular": False})


row(
    "linalg_solve_triangular",
    # (..., N, N) and (..., N, K) of the same leading axes.
    inputs=[tensor("a", WIDE), tensor("b", WIDE)],
    outputs=[tensor("output", WIDE)],
    attributes=[flag("upper"), flag("unitriangular", False)],
    reference=lambda a, b, upper, unitriangular: torch.linalg.solve_triangular(
        a, b, upper=bool(upper), unitriangular=unitriangular
    ),
    cases=_triangular_cases,
)


def _lu_solve_cases() -> Iterator[Case]:
    for shape in SQUARES:
        for dtype in WIDE:
            lu, pivots = torch.linalg.lu_factor(_regular(*shape, dtype=dtype).flip(-1))
            for adjoint in (False, True):
                right = normal(*shape[:-1], 3, dtype=dtype)
                yield Case((lu, pivots, right), {"adjoint": adjoint})


row(
    "linalg_lu_solve",
    # (..., N, N), (..., N) and (..., N, K) of the same leading axes.
    inputs=[tensor("lu", WIDE), tensor("pivots", INT32), tensor("b", WIDE)],
    outputs=[tensor("output", WIDE)],
    attributes=[flag("adjoint", False)],
    reference=lambda lu, pivots, b, adjoint: torch.linalg.lu_solve(lu, pivots, b, adjoint=adjoint),
    cases=_lu_solve_cases,
)

row(
    "linalg_matrix_exp",
    inputs=[tensor("a", WIDE)],
    outputs=[tensor("output", WIDE)],
    reference=torch.linalg.matrix_exp,
    cases=lambda: [
        Case((normal(*shape, dtype=dtype) * scale,))
        for shape in SQUARES
        for dtype in WIDE
        for scale in (0.1, 1)
    ],
)


def _svdvals_cases() -> Iterator[Case]:
    for shape in ((1, 1), (3, 3), (2, 7), (15, 17), (2, 3, 4, 5), (0, 3), (2, 0, 0), (0, 2, 3)):
        yield from (Case((normal(*shape, dtype=dtype),)) for dtype in WIDE)
    yield Case((torch.ones(4, 5),))
    yield Case((torch.zeros(3, 3),))


row(
    "linalg_svdvals",
    # (..., K, N) with K <= N.
    inputs=[tensor("a", WIDE)],
    outputs=[tensor("output", WIDE)],
    reference=torch.linalg.svdvals,
    cases=_svdvals_cases,
)
