"""Sums and products over axes of complex tensors, and of their matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wasm_torch_web.ops.arguments import cast
from wasm_torch_web.ops.complex import (
    PART,
    Reals,
    computed_dtype,
    parts,
    result_dtype,
    rounded,
    split,
    stacked,
)
from wasm_torch_web.ops.table import lowers_complex

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def _along(dims: Any, rank: int) -> list[int]:
    """Axes counted from 0, so that they are the same beside parts: all of them for none."""
    if isinstance(dims, int):
        dims = [dims]
    return sorted(d % max(rank, 1) for d in dims) if dims else list(range(rank))


def _lower_reduction(name: str, with_axes: str) -> None:
    @lowers_complex(f"aten.{name}.default", with_axes)
    def lowering(b: Builder, a: dict[str, Any]) -> Any:
        """Part by part; a 0-d tensor has nothing to reduce."""
        x, dtype = a["self"], a["dtype"] or a["self"].dtype
        if not dtype.is_complex:
            return b.call(with_axes, self=split(b, x)[0], dim=a.get("dim"), dtype=dtype)
        pairs = parts(b, x, computed_dtype(dtype))
        if x.rank:
            dims = _along(a.get("dim"), x.rank)
            pairs = b.call(with_axes, self=pairs, dim=dims, keepdim=a.get("keepdim", False))
        return rounded(b, pairs, dtype)


_lower_reduction("sum", "aten.sum.dim_IntList")
_lower_reduction("mean", "aten.mean.dim")


@lowers_complex("aten.prod.default", "aten.prod.dim_int")
def prod(b: Builder, a: dict[str, Any]) -> Any:
    """Halves multiplied with each other until one element is left; static sizes only."""
    x = cast(b, a["self"], a["dtype"])
    if "dim" not in a:
        x = b.emit("reshape", [x], {"size": (-1,)})
    dim = a.get("dim", 0) % max(x.rank, 1)
    n = x.shape[dim] if x.rank else 1
    if not isinstance(n, int) or n == 0 or not x.dtype.is_complex:
        return None

    def cut(value: Value, start: int, end: int) -> Any:
        return b.emit("slice", [value], {"dim": dim, "start": start, "end": end, "step": 1})

    while n > 1:
        half = n // 2
        product = b.call("aten.mul.Tensor", self=cut(x, 0, half), other=cut(x, half, 2 * half))
        if n % 2:
            rest = cut(x, n - 1, n)
            product = b.call("aten.cat.default", tensors=[product, rest], dim=dim)
        x, n = product, half + n % 2
    keep = a.get("keepdim", False) or x.rank == 0
    return x if keep else b.emit("squeeze", [x], {"dim": (dim,)})


@lowers_complex("aten.cumsum.default")
def cumsum(b: Builder, a: dict[str, Any]) -> Value | None:
    """Part by part."""
    x = cast(b, a["self"], a["dtype"])
    if not x.dtype.is_complex or x.rank == 0:
        return None
    dim = a["dim"] % x.rank
    return rounded(b, b.call("aten.cumsum.default", self=parts(b, x), dim=dim), x.dtype)


@lowers_complex("aten.linalg_vector_norm.default")
def linalg_vector_norm(b: Builder, a: dict[str, Any]) -> Any:
    """Of the magnitudes."""
    rest = {key: given for key, given in a.items() if key != "self"}
    if a["dtype"] is not None:
        rest["dtype"] = PART.get(a["dtype"], a["dtype"])
    magnitudes = b.call("aten.abs.default", self=a["self"])
    return b.call("aten.linalg_vector_norm.default", self=magnitudes, **rest)


def _product(b: Builder, x: Value, y: Value) -> Value:
    """x @ y in four real products."""
    dtype = result_dtype(x, y)
    wide = computed_dtype(dtype)
    (p, q), (s, t) = split(b, x, wide), split(b, y, wide)

    def times(u: Value, v: Value) -> Any:
        return b.call("aten.matmul.default", self=u, other=v)

    r = Reals(b)
    pair = r.sub(times(p, s), times(q, t)), r.add(times(p, t), times(q, s))
    return rounded(b, stacked(b, *pair), dtype)


def _lower_product(target: str, names: tuple[str, str]) -> None:
    @lowers_complex(target)
    def lowering(b: Builder, a: dict[str, Any]) -> Any:
        product = _product(b, a[names[0]], a[names[1]])
        if "beta" not in a:
            return product
        if a["alpha"] != 1:
            product = b.call("aten.mul.Tensor", self=product, other=a["alpha"])
        if a["beta"] == 0:
            return product
        bias = b.call("aten.mul.Tensor", self=a["self"], other=a["beta"])
        return b.call("aten.add.Tensor", self=bias, other=product)


for _target, _names in {
    "aten.matmul.default": ("self", "other"),
    "aten.mm.default": ("self", "mat2"),
    "aten.bmm.default": ("self", "mat2"),
    "aten.mv.default": ("self", "vec"),
    "aten.dot.default": ("self", "tensor"),
    "aten.addmm.default": ("mat1", "mat2"),
    "aten.baddbmm.default": ("batch1", "batch2"),
}.items():
    _lower_product(_target, _names)


@lowers_complex("aten.linear.default")
def linear(b: Builder, a: dict[str, Any]) -> Any:
    """x @ weight.T + bias."""
    weight = b.emit("permute", [a["weight"]], {"dims": (1, 0)})
    product = _product(b, a["input"], weight)
    if a["bias"] is None:
        return product
    return b.call("aten.add.Tensor", self=product, other=a["bias"])
