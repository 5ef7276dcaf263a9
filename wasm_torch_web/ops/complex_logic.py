"""Comparisons and tests of complex tensors: what holds of both parts, or of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wasm_torch_web.ops.complex import Reals, both, nonzero, parts, result_dtype
from wasm_torch_web.ops.table import lowers_complex

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder


def _lower_comparison(name: str, together: str) -> None:
    @lowers_complex(f"aten.{name}.Tensor", f"aten.{name}.Scalar")
    def lowering(b: Builder, a: dict[str, Any]) -> Any:
        x, y = a["self"], a["other"]
        dtype = result_dtype(x, y)
        pairs = getattr(Reals(b), name)(parts(b, x, dtype), parts(b, y, dtype))
        return both(b, pairs, together)


def _lower_test(name: str, together: str) -> None:
    @lowers_complex(f"aten.{name}.default")
    def lowering(b: Builder, a: dict[str, Any]) -> Any:
        return both(b, getattr(Reals(b), name)(parts(b, a["self"])), together)


def _lower_logic(name: str, *operands: str) -> None:
    @lowers_complex(f"aten.{name}.default")
    def lowering(b: Builder, a: dict[str, Any]) -> Any:
        return getattr(Reals(b), name)(*(nonzero(b, a[operand]) for operand in operands))


_lower_comparison("eq", "logical_and")
_lower_comparison("ne", "logical_or")
_lower_test("isnan", "logical_or")
_lower_test("isinf", "logical_or")
_lower_test("isfinite", "logical_and")
for _name in ("logical_and", "logical_or", "logical_xor"):
    _lower_logic(_name, "self", "other")
_lower_logic("logical_not", "self")


@lowers_complex("aten.any.default", "aten.any.dim", "aten.any.dims")
def any_(b: Builder, a: dict[str, Any]) -> Any:
    """Of what is not 0."""
    return _truths(b, a, "any")


@lowers_complex("aten.all.default", "aten.all.dim", "aten.all.dims")
def all_(b: Builder, a: dict[str, Any]) -> Any:
    """Of what is not 0."""
    return _truths(b, a, "all")


def _truths(b: Builder, a: dict[str, Any], name: str) -> Any:
    rest = {key: given for key, given in a.items() if key != "self"}
    variant = "default" if "dim" not in a else "dim" if isinstance(a["dim"], int) else "dims"
    return b.call(f"aten.{name}.{variant}", self=nonzero(b, a["self"]), **rest)
