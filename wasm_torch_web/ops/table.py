"""The operator table's types: what a row says, and the registry that the family files fill.

Two edits add an operator: a row in a family file of this folder, and the kernel of the same name
in `csrc/kernels/`. Everything else (dispatch table, attribute indices, what capture keeps whole,
tests, documentation) is derived from the row.

* A `Row` is one kernel, or one view that costs nothing.
* A `lowering` turns an aten operator into rows; rows with `targets` get theirs by matching
  argument names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from wasm_torch_web.builder import Builder

# Numbers of the dtypes in plan.bin; csrc/core/dtype.h has the same list.
DTYPES: dict[torch.dtype, int] = {
    torch.float32: 0,
    torch.float64: 1,
    torch.float16: 2,
    torch.bfloat16: 3,
    torch.int64: 4,
    torch.int32: 5,
    torch.int16: 6,
    torch.int8: 7,
    torch.uint8: 8,
    torch.bool: 9,
    torch.complex64: 10,
    torch.complex128: 11,
    torch.complex32: 12,
}


def dtype_name(dtype: torch.dtype) -> str:
    """`float32`: the name that files, messages and users have for a dtype."""
    return str(dtype).removeprefix("torch.")


F32 = (torch.float32,)
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
INTS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
BOOL = (torch.bool,)
INDEX = (torch.int64, torch.int32)
REAL = FLOATS + INTS
ALL = REAL + BOOL
# Kernels see their parts: view rows make a real tensor with a last axis of 2 of them, and back.
COMPLEX = (torch.complex64, torch.complex128, torch.complex32)

# Numbers of the attribute kinds in plan.bin; csrc/core/dispatch.h has the same list.
ATTRIBUTE_KINDS = ("int", "float", "bool", "dtype", "enum", "ints", "floats")

# How an operand may lie in memory (bits, as the core checks them):
#   strided        any strides, broadcast and overlapping ones included
#   rows           the last axis has stride 1
#   dense_any      dense in some order of the axes
#   dense          dense in logical order
#   channels_last  (N, C, H, W) with the channels innermost
#   panel8         packed weights [ceil(N / 8)][K][8]
LAYOUTS = {
    "strided": 1,
    "rows": 2,
    "dense_any": 4,
    "dense": 8,
    "channels_last": 16,
    "panel8": 32,
}


@dataclass(frozen=True)
class Operand:
    """A tensor that a kernel reads or writes.

    For an output, `layout` says how the kernel writes it; `like` means in the memory order of its
    inputs (pointwise operators).
    """

    name: str
    dtypes: tuple[torch.dtype, ...]
    layout: tuple[str, ...]
    optional: bool = False
    variadic: bool = False

    @property
    def dtype_mask(self) -> int:
        """One bit a dtype number."""
        return sum(1 << DTYPES[dtype] for dtype in self.dtypes)

    @property
    def layout_mask(self) -> int:
        """One bit a layout class; `like` outputs are dense in some order."""
        return sum(LAYOUTS["dense_any" if name == "like" else name] for name in self.layout)


@dataclass(frozen=True)
class Attribute:
    """A number or list of numbers that a kernel reads: `int float bool dtype ints floats enum`.

    Ints may depend on the inputs' sizes (a sympy expression); `choices` are the names of an enum,
    whose index is stored. `default` is used where a lowering gives none.
    """

    name: str
    kind: str
    default: Any = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A test case of a row: operands for `Row.reference` in order, and attributes.

    `tolerance` replaces the project's default for this case and needs its reason in `why`.
    """

    inputs: tuple[torch.Tensor | None, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    tolerance: float | None = None
    why: str = ""


# What `Row.flops` gets; sizes are ints or expressions of symbols.
Shapes = Sequence[Any]
Attributes = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One operator. `reference(*inputs, **attributes)` is its meaning in PyTorch: it gives shapes
    and dtypes on fake tensors, and the truth in tests.

    Attributes:
        targets: aten overloads that match the row by argument names.
        inplace: the input whose memory the first output may take, when that input dies here.
        identity: of the attributes: whether the first output is the first input, where both have
            the same shape and dtype.
        neutral: the number that as second operand leaves the first one as it is.
        channels: of a product with a `weight`, the axes of the weight and of the output that count
            output channels.
        pads_zeros: the attribute `padding` puts zeros around the input: (height, width) on both
            sides, or (top, left, bottom, right).
        prepares: the result is larger than the operands: made of constants it is computed when the
            model is loaded, not stored.
        flops: for rows whose limit is arithmetic: (shapes of the inputs, None where absent; shapes
            of the outputs; attributes) -> multiplications and additions, computed directly.
        view: for rows without a kernel: (shape, strides, offset) of the output from those of the
            input, or None where the strides do not allow it and a copy is needed.
    """

    name: str
    family: str
    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...]
    attributes: tuple[Attribute, ...]
    reference: Callable[..., Any]
    targets: tuple[str, ...] = ()
    inplace: int | None = None
    identity: Callable[..., bool] | None = None
    neutral: float | None = None
    channels: tuple[int, int] | None = None
    pads_zeros: bool = False
    prepares: bool = False
    flops: Callable[..., Any] | None = None
    view: Callable[..., Any] | None = None
    cases: Callable[[], Iterable[Case]] | None = None

    def operand(self, index: int) -> Operand:
        """The spec of input `index`; the last one repeats where it is variadic."""
        return self.inputs[min(index, len(self.inputs) - 1)]

    def position(self, name: str) -> int:
        """The index of the input of that name; -1 where there is none."""
        return next((i for i, operand in enumerate(self.inputs) if operand.name == name), -1)


class Unsupported(Exception):
    """A lowering cannot express this call."""


Lowering = Callable[["Builder", dict[str, Any]], Any]

ROWS: dict[str, Row] = {}
LOWERINGS: dict[str, Lowering] = {}  # aten overload name -> how it becomes rows
COMPLEX_LOWERINGS: dict[str, Lowering] = {}  # the same, for calls with complex arguments


def tensor(
    name: str,
    dtypes: Sequence[torch.dtype] = F32,
    *layout: str,
    optional: bool = False,
    variadic: bool = False,
) -> Operand:
    """An operand; without a layout it must be dense in logical order."""
    return Operand(name, tuple(dtypes), layout or ("dense",), optional, variadic)


def integer(name: str, default: int | None = None) -> Attribute:
    """An int attribute, possibly an expression of sizes."""
    return Attribute(name, "int", default)


def real(name: str, default: float | None = None) -> Attribute:
    """A float attribute."""
    return Attribute(name, "float", default)


def flag(name: str, default: bool | None = None) -> Attribute:
    """A bool attribute."""
    return Attribute(name, "bool", default)


def dtype(name: str) -> Attribute:
    """A dtype attribute."""
    return Attribute(name, "dtype")


def integers(name: str, default: tuple[int, ...] | None = None) -> Attribute:
    """A list of ints, possibly expressions of sizes."""
    return Attribute(name, "ints", default)


def reals(name: str, default: tuple[float, ...] | None = None) -> Attribute:
    """A list of floats."""
    return Attribute(name, "floats", default)


def enum(name: str, *choices: str, default: str | None = None) -> Attribute:
    """One of several names."""
    return Attribute(name, "enum", default, choices)


def row(name: str, **fields: Any) -> Row:
    """Adds a row to the table; its family is the module that calls."""
    fields["family"] = sys._getframe(1).f_globals["__name__"].rpartition(".")[2]
    for key in ("inputs", "outputs", "attributes", "targets"):
        fields[key] = tuple(fields.get(key, ()))
    new = Row(name, **fields)
    if name in ROWS:
        raise ValueError(f"two rows are named {name}")
    ROWS[name] = new
    for target in new.targets:
        _claim(target, _matching(new))
    return new


def always(**attributes: Any) -> bool:
    """The `identity` of rows that convert dtype, shape or memory alone."""
    return True


def _matching(row: Row) -> Lowering:
    return lambda builder, arguments: builder.emit_matching(row, arguments)


def lowers(*targets: str) -> Callable[[Lowering], Lowering]:
    """Marks a function that turns these aten overloads into rows.

    It gets the builder and the call's arguments by schema name (defaults filled in); tensors
    arrive as `ir.Value`, sizes as int or sympy expression. It returns a Value, a tuple of them, or
    None to say that this call is not supported.
    """

    def register(function: Lowering) -> Lowering:
        for target in targets:
            _claim(target, function)
        return function

    return register


def lowers_complex(*targets: str) -> Callable[[Lowering], Lowering]:
    """`lowers` for calls that have a complex tensor, number or dtype among their arguments; other
    calls of these overloads, and complex ones of overloads that only have views, are `lowers`'s."""

    def register(function: Lowering) -> Lowering:
        for target in targets:
            if target in COMPLEX_LOWERINGS:
                raise ValueError(f"{target} has two lowerings for complex arguments")
            COMPLEX_LOWERINGS[target] = function
        return function

    return register


def is_complex(argument: Any) -> bool:
    """Whether an argument of an aten call is, has or asks for something complex."""
    if isinstance(argument, (list, tuple)):
        return any(map(is_complex, argument))
    dtype = argument if isinstance(argument, torch.dtype) else getattr(argument, "dtype", None)
    return isinstance(argument, complex) or (dtype is not None and dtype.is_complex)


def _claim(target: str, lowering: Lowering) -> None:
    if target in LOWERINGS:
        raise ValueError(f"{target} has two lowerings")
    LOWERINGS[target] = lowering
