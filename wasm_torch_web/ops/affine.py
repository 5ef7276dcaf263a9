"""Operators with which models that were quantised elsewhere (PT2E, torchao) say so.

Each element is clamp(round(x / scale) + zero), and back (q - zero) * scale, in the order of
PyTorch's own definitions, so that the same elements come out. Constants that are integers stay so:
they become floats when the model is loaded, or in a product (passes/fuse/integers.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from wasm_torch_web.ops.arguments import cast
from wasm_torch_web.ops.integer_weights import BYTES, MOST_DEPTH
from wasm_torch_web.ops.integers import pack
from wasm_torch_web.ops.table import lowers
from wasm_torch_web.strides import equal

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder
    from wasm_torch_web.ir import Value

_LEAST_ELEMENTS = 1024  # of weights that stay integers: less is folded to floats


def _do(b: Builder, name: str, x: Value, *more: Any, **named: Any) -> Value:
    """An aten operator of one or two tensors; a number is a 0-d tensor of the first one's dtype."""
    if more and not hasattr(more[0], "dtype"):
        more = (b.scalar(more[0], x.dtype),)
    other = {"other": more[0]} if more else {}
    result: Value = b.call(f"aten.{name}", self=x, **other, **named)
    return result


def _reshape(b: Builder, x: Value, shape: Sequence[Any]) -> Value:
    if x.rank == len(shape) and all(map(equal, x.shape, shape)):
        return x
    result: Value = b.call("aten.reshape.default", self=x, shape=list(shape))
    return result


def _quantize(b: Builder, x: Value, inverse: Any, zero: Any, a: dict[str, Any]) -> Value:
    """`inverse` and `zero`: numbers, or tensors that broadcast."""
    x, low, high, dtype = cast(b, x, torch.float32), a["quant_min"], a["quant_max"], a["dtype"]
    if isinstance(inverse, float) and dtype in BYTES and low <= zero <= high:
        steps = {"inverse": inverse, "zero": zero, "low": low, "high": high, "dtype": dtype}
        made: Value = b.emit("quantize", [x], steps)
        return made
    x = _do(b, "mul.Tensor", x, inverse)
    x = _do(b, "add.Tensor", _do(b, "round.default", x), _as_float(b, zero))
    return cast(b, _do(b, "clamp.default", x, min=low, max=high), dtype)


def _dequantize(b: Builder, q: Value, scale: Any, zero: Any, dtype: torch.dtype | None) -> Value:
    x = cast(b, q, torch.float32)
    if zero is not None:
        x = _do(b, "sub.Tensor", x, _as_float(b, zero))
    return cast(b, _do(b, "mul.Tensor", x, _as_float(b, scale)), dtype or torch.float32)


def _as_float(b: Builder, x: Any) -> Any:
    return cast(b, x, torch.float32) if hasattr(x, "dtype") else x


def _weight(b: Builder, q: Value, scale: Any, zero: Any, groups: int) -> Value | None:
    """A constant with so many scales a row, if it is one that stays as it is.

    `scale`, `zero`: constants of (rows, groups) elements or one, or numbers.
    """
    if not q.is_constant or q.rank < 2 or int(q.numel) < _LEAST_ELEMENTS:
        return None
    scales, zeros = (_spread(q, each, groups) for each in (scale, 0 if zero is None else zero))
    if scales is None or zeros is None or not torch.equal(zeros.to(torch.int8), zeros):
        return None
    parts = (b.constant(scales.float()), b.constant(zeros.to(torch.int8)))
    result: Value = b.emit("dequantize_weight", [q, *parts])
    return result


def _spread(q: Value, each: Any, groups: int) -> torch.Tensor | None:
    """A number for each group of each row."""
    data = each.data if hasattr(each, "dtype") else torch.tensor(each, dtype=torch.float64)
    rows = int(q.shape[0])
    if data is None or data.numel() not in (1, rows * groups):
        return None
    return data.reshape(-1, groups if data.numel() > 1 else 1).expand(rows, groups)


# --- quantized_decomposed: PT2E ---


@lowers("quantized_decomposed.quantize_per_tensor.default")
def quantize_per_tensor(b: Builder, a: dict[str, Any]) -> Value:
    """One scale and zero point, numbers."""
    return _quantize(b, a["input"], 1.0 / a["scale"], a["zero_point"], a)


@lowers("quantized_decomposed.dequantize_per_tensor.default")
def dequantize_per_tensor(b: Builder, a: dict[str, Any]) -> Value:
    """One scale and zero point, numbers."""
    q, scale, zero = a["input"], a["scale"], a["zero_point"]
    dtype = a.get("out_dtype")
    kept = _weight(b, q, scale, zero, 1)
    return _dequantize(b, q, scale, zero, dtype) if kept is None else cast(b, kept, dtype)


@lowers("quantized_decomposed.quantize_per_tensor.tensor")
def quantize_per_tensor_by(b: Builder, a: dict[str, Any]) -> Value:
    """One scale and zero point that the run computes, in float64 as Python's numbers."""
    scale = _reshape(b, cast(b, a["scale"], torch.float64), ())
    one = b.scalar(1.0, torch.float64)
    inverse = cast(b, _do(b, "div.Tensor", one, scale), torch.float32)
    return _quantize(b, a["input"], inverse, _reshape(b, a["zero_point"], ()), a)


@lowers("quantized_decomposed.dequantize_per_tensor.tensor")
def dequantize_per_tensor_by(b: Builder, a: dict[str, Any]) -> Value:
    """One scale and zero point that the run computes."""
    scale, zero = (_reshape(b, a[name], ()) for name in ("scale", "zero_point"))
    return _dequantize(b, a["input"], scale, zero, a.get("out_dtype"))


@lowers("quantized_decomposed.quantize_per_channel.default")
def quantize_per_channel(b: Builder, a: dict[str, Any]) -> Value:
    """A scale and zero point for each index of an axis."""
    scale, zero = (_along(b, a, name) for name in ("scales", "zero_points"))
    inverse = _do(b, "div.Tensor", b.scalar(1.0, scale.dtype), scale)
    return _quantize(b, a["input"], _as_float(b, inverse), zero, a)


@lowers("quantized_decomposed.dequantize_per_channel.default")
def dequantize_per_channel(b: Builder, a: dict[str, Any]) -> Value:
    """A scale and zero point for each index of an axis."""
    q, dtype, zeros = a["input"], a.get("out_dtype"), a["zero_points"]
    kept = _weight(b, q, a["scales"], zeros, 1) if a["axis"] % q.rank == 0 else None
    if kept is not None:
        return cast(b, kept, dtype)
    zero = None if zeros is None else _along(b, a, "zero_points")
    return _dequantize(b, q, _along(b, a, "scales"), zero, dtype)


def _along(b: Builder, a: dict[str, Any], name: str) -> Value:
    rank, axis = a["input"].rank, a["axis"]
    return _reshape(b, a[name], [-1 if i == axis % rank else 1 for i in range(rank)])


@lowers("quantized_decomposed.choose_qparams.tensor")
def choose_qparams(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
    """The scale and zero point of a whole tensor, (1), float64 and int64."""
    low, high = _range(b, a["input"], (), keepdim=False)
    scale, zero = _asymmetric(b, low, high, a["quant_min"], a["quant_max"], a["eps"])
    shaped = (_reshape(b, each, (1,)) for each in (scale, zero))
    scale, zero = shaped
    return cast(b, scale, torch.float64), cast(b, zero, torch.int64)


@lowers("quantized_decomposed.choose_qparams_symmetric.tensor")
def choose_qparams_symmetric(b: Builder, a: dict[str, Any]) -> tuple[Value, Value]:
    """The same around zero."""
    low, high = _range(b, a["input"], (), keepdim=False)
    scale = _symmetric(b, low, high, a["quant_min"], a["quant_max"], a["eps"])
    zero = b.constant(torch.tensor([128 if a["dtype"] == torch.uint8 else 0]))
    return cast(b, _reshape(b, scale, (1,)), torch.float64), zero


def _range(b: Builder, x: Value, dims: Sequence[int], keepdim: bool) -> tuple[Value, Value]:
    """The least and the largest, 0 among them."""
    low = b.call("aten.amin.default", self=x, dim=list(dims), keepdim=keepdim)
    high = b.call("aten.amax.default", self=x, dim=list(dims), keepdim=keepdim)
    return _do(b, "minimum.default", low, 0.0), _do(b, "maximum.default", high, 0.0)


def _asymmetric(
    b: Builder, low: Value, high: Value, least: int, most: int, eps: float
) -> tuple[Value, Value]:
    """Scale and zero point, float32."""
    steps = float(most - least)
    scale = _do(b, "div.Tensor", _do(b, "sub.Tensor", high, low), steps)
    scale = _do(b, "maximum.default", scale, eps)
    rounded = _do(b, "round.default", _do(b, "div.Tensor", low, scale))
    zero = _do(b, "sub.Tensor", b.scalar(float(least), torch.float32), rounded)
    return scale, _do(b, "clamp.default", zero, min=least, max=most)


def _symmetric(b: Builder, low: Value, high: Value, least: int, most: int, eps: float) -> Value:
    largest = _do(b, "maximum.default", _do(b, "neg.default", low), high)
    scale = _do(b, "div.Tensor", largest, float(most - least) / 2)
    return _do(b, "maximum.default", scale, eps)


# --- torchao ---


@lowers("torchao.quantize_affine.default")
def quantize_affine(b: Builder, a: dict[str, Any]) -> Value | None:
    """A scale and zero point for each block."""
    x = a["input"]
    split, reduced, _ = _blocks(x, a["block_size"])
    if a.get("zero_point") is None or a.get("quant_min") is None or a.get("quant_max") is None:
        return None
    scale, zero = (_reshape(b, a[name], reduced) for name in ("scale", "zero_point"))
    inverse = _do(b, "div.Tensor", b.scalar(1.0, scale.dtype), scale)
    end = {"quant_min": a["quant_min"], "quant_max": a["quant_max"], "dtype": a["output_dtype"]}
    return _reshape(b, _quantize(b, _reshape(b, x, split), inverse, zero, end), x.shape)


@lowers("torchao.dequantize_affine.default")
def dequantize_affine(b: Builder, a: dict[str, Any]) -> Value:
    """A scale and zero point for each block."""
    q, sizes, dtype = a["input"], a["block_size"], a.get("output_dtype")
    dtype = dtype if isinstance(dtype, torch.dtype) else torch.float32
    split, reduced, _ = _blocks(q, sizes)
    if q.rank == 2 and sizes[0] == 1 and q.is_constant:
        kept = _weight(b, q, a["scale"], a.get("zero_point"), int(q.shape[1]) // sizes[1])
        if kept is not None:
            return cast(b, kept, dtype)
    scale, zero = (
        None if a.get(name) is None else _reshape(b, a[name], reduced)
        for name in ("scale", "zero_point")
    )
    return _reshape(b, _dequantize(b, _reshape(b, q, split), scale, zero, dtype), q.shape)


@lowers("torchao.choose_qparams_affine.default")
def choose_qparams_affine(b: Builder, a: dict[str, Any]) -> tuple[Value, Value] | None:
    """The scale and zero point of each block."""
    x, least, most = a["input"], a.get("quant_min"), a.get("quant_max")
    if least is None or most is None or x.dtype != torch.float32:
        return None
    split, _, dims = _blocks(x, a["block_size"])
    eps = a["eps"] if a.get("eps") is not None else torch.finfo(x.dtype).smallest_normal
    low, high = _range(b, _reshape(b, x, split), dims, keepdim=bool(a.get("keepdim")))
    if a["mapping_type"] == "SYMMETRIC":
        scale = _symmetric(b, low, high, least, most, eps)
        middle = b.scalar(int((most + least + 1) / 2), torch.float32)
        zero = _do(b, "add.Tensor", _do(b, "mul.Tensor", scale, 0.0), middle)
    elif a["mapping_type"] == "ASYMMETRIC":
        scale, zero = _asymmetric(b, low, high, least, most, eps)
    else:
        return None
    zero_dtype = a.get("zero_point_dtype") or torch.int32
    return cast(b, scale, a.get("scale_dtype")), cast(b, zero, zero_dtype)


def _blocks(x: Value, sizes: Sequence[Any]) -> tuple[list[Any], list[Any], list[int]]:
    """The shape with an axis for the blocks of each axis that is cut, that of the blocks' numbers,
    and the axes inside blocks."""
    split: list[Any] = []
    inside: list[int] = []
    for size, block in zip(x.shape, sizes, strict=True):
        if block != size and block != 1:
            split += [size // block, block]
            inside.append(len(split) - 1)
        else:
            split.append(size)
            if block != 1:
                inside.append(len(split) - 1)
    return split, [1 if i in inside else size for i, size in enumerate(split)], inside


@lowers("aten._int_mm.default")
def int_mm(b: Builder, a: dict[str, Any]) -> Value | None:
    """int8 times constant int8, as int32."""
    x, y = a["self"], a["mat2"]
    view = y.producer
    if view is None or view.row.name != "permute" or not view.inputs[0].is_constant:
        return None
    weight = view.inputs[0].data
    if y.shape[0] != weight.shape[1] or weight.shape[1] > MOST_DEPTH:
        return None
    operands = [b.constant(pack(weight)), *[None] * 5]
    result: Value = b.emit("integer_linear", [x, *operands], {"columns": len(weight)})
    return result
