"""Linear algebra: factorisations, solutions, inverses, determinants as rows of `linalg`.

Eigenvalues, singular vectors, QR, LDL and least squares are not there: they are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import cast, expand
from wasm_torch_web.ops.table import lowers
from wasm_torch_web.strides import broadcast_shape, equal, minimum, product

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def transposed(b: Builder, x: Value) -> Value:
    """x with its last two axes exchanged."""
    dims = (*range(x.rank - 2), x.rank - 1, x.rank - 2)
    result: Value = b.emit("permute", [x], {"dims": dims})
    return result


def _numbers(b: Builder, size: Any, axis: int) -> Value:
    """0, 1 ... along axis -2 or -1 of a matrix."""
    numbers: Value = b.emit("arange", [], {"size": size, "dtype": torch.int64})
    return numbers if axis == -1 else b.emit("unsqueeze", [numbers], {"dim": 1})


def _below(b: Builder, m: Any, n: Any, compare: str) -> Value:
    """(M, N) bools: whether the row's number is `ge`, `gt`, `le` or `eq` the column's."""
    rows, columns = _numbers(b, m, -2), _numbers(b, n, -1)
    result: Value = b.call(f"aten.{compare}.Tensor", self=rows, other=columns)
    return result


def _identity(b: Builder, m: Any, n: Any, dtype: torch.dtype) -> Value:
    return cast(b, _below(b, m, n, "eq"), dtype)


def _where(b: Builder, mask: Value, x: Value, other: Value) -> Value:
    result: Value = b.call("aten.where.self", condition=mask, self=x, other=other)
    return result


def _empty(b: Builder, dtype: torch.dtype) -> Value:
    """What PyTorch returns where a result was not asked for."""
    return b.constant(torch.empty(0, dtype=dtype))


def _with_leading(b: Builder, inner: tuple[int, ...], *values: Value) -> list[Value]:
    """Values broadcast to common leading axes; `inner` counts the last axes of each."""
    kept = [x.rank - n for x, n in zip(values, inner, strict=True)]
    leading = broadcast_shape([x.shape[:n] for x, n in zip(values, kept, strict=True)])
    return [expand(b, x, (*leading, *x.shape[n:])) for x, n in zip(values, kept, strict=True)]


def _factor(b: Builder, a: Value, raises: bool) -> Any:
    return b.emit("linalg_lu_factor", [a], {"raises": raises})


def _lu_solve(
    b: Builder, lu: Value, pivots: Value, right: Value, left: bool = True, adjoint: bool = False
) -> Value:
    """X of A X = B, or of X A = B: then transposed, A' X' = B'."""
    if not left:
        wide = _lu_solve(b, lu, pivots, transposed(b, right), adjoint=not adjoint)
        return transposed(b, wide)
    operands = _with_leading(b, (2, 1, 2), lu, pivots, right)
    result: Value = b.emit("linalg_lu_solve", operands, {"adjoint": adjoint})
    return result


def _triangular(
    b: Builder, a: Value, right: Value, upper: bool, left: bool = True, unit: bool = False
) -> Value:
    if not left:
        wide = _triangular(b, transposed(b, a), transposed(b, right), not upper, unit=unit)
        return transposed(b, wide)
    operands = _with_leading(b, (2, 2), a, right)
    attributes = {"upper": upper, "unitriangular": unit}
    result: Value = b.emit("linalg_solve_triangular", operands, attributes)
    return result


@lowers("aten.linalg_lu_factor_ex.default")
def lu_factor_ex(b: Builder, a: dict[str, Any]) -> Any:
    """With pivots: without them PyTorch needs a GPU."""
    return _factor(b, a["A"], a["check_errors"]) if a["pivot"] else None


@lowers("aten.linalg_lu_factor.default")
def lu_factor(b: Builder, a: dict[str, Any]) -> Any:
    """Errors are reported by the kernel."""
    return _factor(b, a["A"], True)[:2] if a["pivot"] else None


@lowers("aten.lu_unpack.default")
def lu_unpack(b: Builder, a: dict[str, Any]) -> Any:
    """(P, L, U)."""
    return _unpacked(b, a["LU_data"], a["LU_pivots"], a["unpack_data"], a["unpack_pivots"])


@lowers("aten.linalg_lu.default")
def linalg_lu(b: Builder, a: dict[str, Any]) -> Any:
    """(P, L, U)."""
    if not a["pivot"]:
        return None
    lu, pivots, _ = _factor(b, a["A"], False)
    return _unpacked(b, lu, pivots, True, True)


def _unpacked(b: Builder, lu: Value, pivots: Value, data: bool, permutation: bool) -> Any:
    m, n, dtype = lu.shape[-2], lu.shape[-1], lu.dtype
    p = lower = upper = _empty(b, dtype)
    if permutation:
        order = b.emit("lu_permutation", [pivots], {"size": m})
        order = b.emit("unsqueeze", [order], {"dim": order.rank - 1})
        p = cast(b, b.call("aten.eq.Tensor", self=order, other=_numbers(b, m, -2)), dtype)
    if data:
        k, zero = minimum(m, n), b.scalar(0, dtype)
        left = b.emit("slice", [lu], {"dim": lu.rank - 1, "end": k})
        lower = _where(b, _below(b, m, k, "gt"), left, _identity(b, m, k, dtype))
        top = b.emit("slice", [lu], {"dim": lu.rank - 2, "end": k})
        upper = _where(b, _below(b, k, n, "le"), top, zero)
    return p, lower, upper


@lowers("aten.linalg_lu_solve.default")
def lu_solve(b: Builder, a: dict[str, Any]) -> Any:
    """From `lu_factor`'s factors."""
    return _lu_solve(b, a["LU"], a["pivots"], a["B"], a["left"], a["adjoint"])


@lowers("aten._linalg_solve_ex.default")
def solve_ex(b: Builder, a: dict[str, Any]) -> Any:
    """(result, LU, pivots, info)."""
    return _solved(b, a, a["check_errors"])


@lowers("aten.linalg_solve.default")
def solve(b: Builder, a: dict[str, Any]) -> Any:
    """Errors are reported by the kernel."""
    return _solved(b, a, True)[0]


def _solved(b: Builder, a: dict[str, Any], raises: bool) -> Any:
    matrix, right = a["A"], a["B"]
    lu, pivots, info = _factor(b, matrix, raises)
    vector = right.rank == 1 or _same(right.shape, matrix.shape[:-1])
    if vector:
        right = b.emit("unsqueeze", [right], {"dim": right.rank})
    x = _lu_solve(b, lu, pivots, right, a["left"] or vector)
    return (b.emit("squeeze", [x], {"dim": (x.rank - 1,)}) if vector else x), lu, pivots, info


def _same(a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(map(equal, a, b))


@lowers("aten.linalg_inv_ex.default")
def inv_ex(b: Builder, a: dict[str, Any]) -> Any:
    """(inverse, info)."""
    return _inverted(b, a["A"], a["check_errors"])


@lowers("aten.linalg_inv.default", "aten.inverse.default")
def inv(b: Builder, a: dict[str, Any]) -> Any:
    """Errors are reported by the kernel."""
    return _inverted(b, a["A"] if "A" in a else a["self"], True)[0]


@lowers("aten.linalg_tensorinv.default")
def tensorinv(b: Builder, a: dict[str, Any]) -> Any:
    """The inverse of a matrix whose rows are the first `ind` axes, whose columns the others."""
    x, ind = a["self"], a["ind"]
    first, last = x.shape[:ind], x.shape[ind:]
    matrix = b.call("aten.reshape.default", self=x, shape=(product(first), product(last)))
    inverse = _inverted(b, matrix, True)[0]
    return b.call("aten.reshape.default", self=inverse, shape=(*last, *first))


def _inverted(b: Builder, a: Value, raises: bool) -> tuple[Value, Value]:
    lu, pivots, info = _factor(b, a, raises)
    n = a.shape[-1]
    return _lu_solve(b, lu, pivots, _identity(b, n, n, a.dtype)), info


def _parity(b: Builder, pivots: Value, dtype: torch.dtype) -> Value:
    """1 for an even number of exchanged rows, else -1."""
    size = pivots.shape[-1]
    places = b.emit("arange", [], {"size": size, "start": 1, "dtype": torch.int32})
    moved = b.call("aten.ne.Tensor", self=pivots, other=places)
    odd = b.call(
        "aten.remainder.Scalar", self=b.call("aten.sum.dim_IntList", self=moved, dim=[-1]), other=2
    )
    sign = b.call("aten.sub.Tensor", self=b.scalar(1, torch.int64), other=odd, alpha=2)
    return cast(b, sign, dtype)


@lowers("aten._linalg_det.default")
def det(b: Builder, a: dict[str, Any]) -> Any:
    """(determinant, LU, pivots)."""
    lu, pivots, _ = _factor(b, a["A"], False)
    pivot = b.call("aten.prod.dim_int", self=_diagonal(b, lu), dim=-1)
    sign = _parity(b, pivots, lu.dtype)
    return b.call("aten.mul.Tensor", self=pivot, other=sign), lu, pivots


@lowers("aten._linalg_slogdet.default")
def slogdet(b: Builder, a: dict[str, Any]) -> Any:
    """(sign, logarithm of the magnitude, LU, pivots)."""
    lu, pivots, _ = _factor(b, a["A"], False)
    pivot = _diagonal(b, lu)
    signs = b.call("aten.prod.dim_int", self=b.call("aten.sign.default", self=pivot), dim=-1)
    sign = b.call("aten.mul.Tensor", self=signs, other=_parity(b, pivots, lu.dtype))
    logs = b.call("aten.log.default", self=b.call("aten.abs.default", self=pivot))
    return sign, b.call("aten.sum.dim_IntList", self=logs, dim=[-1]), lu, pivots


def _diagonal(b: Builder, x: Value) -> Value:
    result: Value = b.call("aten.diagonal.default", self=x, dim1=-2, dim2=-1)
    return result


@lowers("aten.linalg_cholesky_ex.default")
def cholesky_ex(b: Builder, a: dict[str, Any]) -> Any:
    """(factor, info)."""
    return _cholesky(b, a["self"], a["upper"], a["check_errors"])


@lowers("aten.linalg_cholesky.default", "aten.cholesky.default")
def cholesky(b: Builder, a: dict[str, Any]) -> Any:
    """Errors are reported by the kernel."""
    return _cholesky(b, a["self"], a["upper"], True)[0]


def _cholesky(b: Builder, x: Value, upper: bool, raises: bool) -> tuple[Value, Value]:
    """The lower factor is of the lower triangle, the upper one of the upper triangle."""
    if upper:
        factor, info = _cholesky(b, transposed(b, x), False, raises)
        return transposed(b, factor), info
    factor, info = b.emit("linalg_cholesky", [x], {"raises": raises})
    return factor, info


@lowers("aten.cholesky_solve.default")
def cholesky_solve(b: Builder, a: dict[str, Any]) -> Value:
    """`input2` is the factor."""
    return _cholesky_solve(b, a["input2"], a["self"], a["upper"])


@lowers("aten.cholesky_inverse.default")
def cholesky_inverse(b: Builder, a: dict[str, Any]) -> Value:
    """The inverse of the matrix that was factored."""
    factor = a["self"]
    n = factor.shape[-1]
    return _cholesky_solve(b, factor, _identity(b, n, n, factor.dtype), a["upper"])


def _cholesky_solve(b: Builder, factor: Value, right: Value, upper: bool) -> Value:
    lower = transposed(b, factor) if upper else factor
    half = _triangular(b, lower, right, upper=False)
    return _triangular(b, transposed(b, lower), half, upper=True)


@lowers("aten.linalg_solve_triangular.default")
def solve_triangular(b: Builder, a: dict[str, Any]) -> Value:
    """`self` is the triangle."""
    return _triangular(b, a["self"], a["B"], a["upper"], a["left"], a["unitriangular"])


@lowers("aten.triangular_solve.default")
def triangular_solve(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
    """`self` is the right side. (solution, the triangle)."""
    right, triangle = _with_leading(b, (2, 2), a["self"], a["A"])
    upper, matrix = a["upper"], triangle
    if a["transpose"]:
        upper, matrix = not upper, transposed(b, triangle)
    return _triangular(b, matrix, right, upper, unit=a["unitriangular"]), triangle


@lowers("aten.linalg_matrix_exp.default")
def matrix_exp(b: Builder, a: dict[str, Any]) -> Any:
    """The exponential of matrices; PyTorch's in half precision is wrong (e^0.5: -21040)."""
    return b.emit("linalg_matrix_exp", [a["self"]])


@lowers("aten.linalg_svdvals.default")
def svdvals(b: Builder, a: dict[str, Any]) -> Value | None:
    """Singular values alone: what norms are made of."""
    x = a["A"]
    m, n = x.shape[-2:]
    if not equal(minimum(m, n), m):
        if not equal(minimum(m, n), n):
            return None
        x = transposed(b, x)
    result: Value = b.emit("linalg_svdvals", [x])
    return result


@lowers("aten._linalg_svd.default")
def svd(b: Builder, a: dict[str, Any]) -> tuple[Value, ...] | None:
    """Without the vectors."""
    if a["compute_uv"]:
        return None
    values, empty = svdvals(b, a), _empty(b, a["A"].dtype)
    return None if values is None else (empty, values, empty)
