"""Movement of complex tensors: the same of their parts, whose last axis stays where it is.

Views need no lowering of their own: their rows take complex tensors as they are.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import cast
from wasm_torch_web.ops.complex import joined, parts
from wasm_torch_web.ops.table import lowers_complex
from wasm_torch_web.strides import clamp_index

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value


def _axis(a: dict[str, Any], rank: int) -> int:
    """`dim` counted from 0."""
    result: int = a["dim"] % max(rank, 1)
    return result


def _rest(a: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: given for key, given in a.items() if key not in names}


@lowers_complex("aten.cat.default")
def cat(b: Builder, a: dict[str, Any]) -> Value:
    """PyTorch leaves out empty 1-d tensors whatever the others are."""
    dtype = functools.reduce(torch.promote_types, [t.dtype for t in a["tensors"]])
    tensors = [t for t in a["tensors"] if t.shape != (0,)] or a["tensors"][:1]
    pairs = [parts(b, t, dtype) for t in tensors]
    dim = _axis(a, tensors[0].rank)
    return joined(b, b.call("aten.cat.default", tensors=pairs, dim=dim))


@lowers_complex("aten.flip.default")
def flip(b: Builder, a: dict[str, Any]) -> Value:
    """Elements in reverse order along the axes."""
    x: Value = a["self"]
    dims = [d % max(x.rank, 1) for d in a["dims"]]
    if not dims or x.rank == 0:
        return x
    return joined(b, b.call("aten.flip.default", self=parts(b, x), dims=dims))


@lowers_complex("aten.roll.default")
def roll(b: Builder, a: dict[str, Any]) -> Value:
    """Without axes the tensor counts as one line."""
    x: Value = a["self"]
    if x.rank == 0:
        return x
    line = x if a["dims"] else b.emit("reshape", [x], {"size": (-1,)})
    dims = [d % line.rank for d in a["dims"]] or [0]
    rolled = b.call("aten.roll.default", self=parts(b, line), shifts=a["shifts"], dims=dims)
    result: Value = joined(b, rolled)
    return result if a["dims"] else b.emit("reshape", [result], {"size": x.shape})


@lowers_complex("aten.constant_pad_nd.default")
def constant_pad_nd(b: Builder, a: dict[str, Any]) -> Value:
    """A border of one value, which may be complex."""
    x, pad, value = a["self"], (0, 0, *a["pad"]), a["value"]
    if value == 0:
        pairs = b.call("aten.constant_pad_nd.default", self=parts(b, x), pad=pad, value=0)
        return joined(b, pairs)
    less = b.call("aten.sub.Tensor", self=x, other=value)
    padded = b.call("aten.constant_pad_nd.default", self=less, pad=a["pad"], value=0)
    result: Value = b.call("aten.add.Tensor", self=padded, other=value)
    return result


def _lower_border(target: str, mode: str, name: str) -> None:
    @lowers_complex(target)
    def lowering(b: Builder, a: dict[str, Any]) -> Value:
        attributes = {"pad": (0, 0, *a[name]), "mode": mode}
        return joined(b, b.emit("pad_border", [parts(b, a["self"])], attributes))


for _n in (1, 2, 3):
    _lower_border(f"aten.reflection_pad{_n}d.default", "reflect", "padding")
    _lower_border(f"aten.replication_pad{_n}d.default", "replicate", "padding")


def _lower_triangle(name: str) -> None:
    @lowers_complex(f"aten.{name}.default")
    def lowering(b: Builder, a: dict[str, Any]) -> Value:
        """The parts become the outermost axis and come back: views."""
        pairs = parts(b, a["self"])
        order = (pairs.rank - 1, *range(pairs.rank - 1))
        pairs = b.emit("permute", [pairs], {"dims": order})
        cut = b.emit(name, [pairs], {"diagonal": a["diagonal"]})
        return joined(b, b.emit("permute", [cut], {"dims": (*range(1, pairs.rank), 0)}))


_lower_triangle("tril")
_lower_triangle("triu")


# --- indices ---


@lowers_complex("aten.index.Tensor", "aten._unsafe_index.Tensor")
def index(b: Builder, a: dict[str, Any]) -> Value:
    """Indices of the axes before the parts."""
    pairs = parts(b, a["self"])
    return joined(b, b.call("aten.index.Tensor", self=pairs, indices=a["indices"]))


@lowers_complex("aten.index_put.default", "aten._unsafe_index_put.default")
def index_put(b: Builder, a: dict[str, Any]) -> Value:
    """What is written has parts of its own."""
    x = a["self"]
    given = {"self": parts(b, x), "values": parts(b, a["values"], x.dtype)}
    return joined(b, b.call("aten.index_put.default", **given, **_rest(a, "self", "values")))


def _lower_indexed(target: str, *sources: str) -> None:
    """Overloads with an axis, a 1-d index and maybe a source."""

    @lowers_complex(target)
    def lowering(b: Builder, a: dict[str, Any]) -> Value | None:
        x = a["self"]
        if x.rank == 0 or not x.dtype.is_complex or isinstance(a.get("alpha"), complex):
            return None
        given = {name: parts(b, a[name], x.dtype) for name in ("self", *sources)}
        dim = _axis(a, x.rank)
        rest = _rest(a, "self", "dim", *sources)
        return joined(b, b.call(target, dim=dim, **given, **rest))


_lower_indexed("aten.index_select.default")
_lower_indexed("aten.index_add.default", "source")
_lower_indexed("aten.index_copy.default", "source")


def _lower_elements(target: str, *sources: str) -> None:
    """Overloads with an index of the shape of what is read or written."""

    @lowers_complex(target)
    def lowering(b: Builder, a: dict[str, Any]) -> Value | None:
        x, at = a["self"], a["index"]
        if x.rank == 0 or at.rank == 0 or not x.dtype.is_complex:
            return None
        wide = b.emit("unsqueeze", [at], {"dim": at.rank})
        wide = b.emit("expand", [wide], {"size": (*at.shape, 2)})
        given = {name: parts(b, a[name], x.dtype) for name in ("self", *sources)}
        rest = _rest(a, "self", "dim", "index", *sources)
        return joined(b, b.call(target, dim=_axis(a, x.rank), index=wide, **given, **rest))


_lower_elements("aten.gather.default")
_lower_elements("aten.scatter.src", "src")
_lower_elements("aten.scatter_add.default", "src")


@lowers_complex("aten.slice_scatter.default")
def slice_scatter(b: Builder, a: dict[str, Any]) -> Value:
    """The tensor with a slice replaced."""
    x = a["self"]
    src = parts(b, a["src"], x.dtype)
    given = {"self": parts(b, x), "src": src, "dim": _axis(a, x.rank)}
    return joined(b, b.call("aten.slice_scatter.default", **given, **_rest(a, *given)))


@lowers_complex("aten.select_scatter.default")
def select_scatter(b: Builder, a: dict[str, Any]) -> Value:
    """The tensor with one index of an axis replaced."""
    x = a["self"]
    dim, position = _axis(a, x.rank), a["index"]
    if isinstance(position, int) and position < 0:
        position = clamp_index(position, x.shape[dim])
    src = b.emit("unsqueeze", [cast(b, a["src"], x.dtype)], {"dim": dim})
    given = {"self": x, "src": src, "dim": dim, "start": position, "end": position + 1}
    result: Value = b.call("aten.slice_scatter.default", **given)
    return result


# --- numbers ---


def _full(b: Builder, size: Any, value: Any, dtype: torch.dtype) -> Value:
    number = b.constant(torch.tensor(value, dtype=dtype))
    result: Value = b.emit("expand", [number], {"size": tuple(size)})
    return result


@lowers_complex("aten.full.default")
def full(b: Builder, a: dict[str, Any]) -> Value | None:
    """A constant, expanded; sizes may be expressions, the number may not."""
    value = a["fill_value"]
    if not isinstance(value, (int, float, complex)):
        return None
    return _full(b, a["size"], value, a["dtype"] or torch.complex64)


@lowers_complex("aten.full_like.default", "aten.fill.Scalar")
def full_like(b: Builder, a: dict[str, Any]) -> Any:
    """In the shape of another tensor."""
    value = a["fill_value"] if "fill_value" in a else a["value"]
    dtype = a.get("dtype") or a["self"].dtype
    if not isinstance(value, (int, float, complex)):
        return None
    if not dtype.is_complex:
        return b.call("aten.full.default", size=a["self"].shape, fill_value=value, dtype=dtype)
    return _full(b, a["self"].shape, value, dtype)


@lowers_complex("aten.empty.memory_format", "aten.empty_strided.default")
def empty(b: Builder, a: dict[str, Any]) -> Value:
    """Zeros: contents that nobody may rely on."""
    return _full(b, a["size"], 0, a["dtype"])


@lowers_complex("aten.scalar_tensor.default")
def scalar_tensor(b: Builder, a: dict[str, Any]) -> Value:
    """A number as a 0-d tensor."""
    return _full(b, (), a["s"], a["dtype"] or torch.complex64)
