"""What depends on sizes: each check of csrc/core/binding_*.cc refuses what it is there for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from checking import lines
from samples import code, edited, failing, inputs
from support.native import Library
from support.plans import Sections


def place(
    name: str, operand: int, index: int, expr: Callable[[Sections], int]
) -> Callable[[Sections], None]:
    """Changes a size (or, behind them, a stride) of an operand."""

    def edit(p: Sections) -> None:
        value = p.value(name, operand)
        refs = [p.refs[value.refs + i].index for i in range(2 * value.rank)]
        refs[index] = expr(p)
        value.refs = p.ref(*refs)

    return edit


def sized(name: str, operand: int, index: int, size: int) -> Callable[[Sections], None]:
    """Sets a size or stride."""
    return place(name, operand, index, constant(size))


def constant(number: int) -> Callable[[Sections], int]:
    return lambda p: p.constant(number)


def unknown(p: Sections) -> int:
    """An int that cannot be computed."""
    return p.divided_by_zero()


def guard(p: Sections) -> None:
    p.programs[0].first_guard = p.ref(unknown(p))


def attribute(name: str, index: int, expr: Callable[[Sections], int]) -> Callable[[Sections], None]:
    """Changes an attribute of a node."""
    return lambda p: vars(p.attr(name, index)).update(refs=p.ref(expr(p)))


def buffer(name: str, operand: int, expr: Callable[[Sections], int]) -> Callable[[Sections], None]:
    """Changes the bytes of an operand's buffer."""
    return lambda p: vars(p.buffer(name, operand)).update(bytes=expr(p))


def offset(name: str, operand: int, expr: Callable[[Sections], int]) -> Callable[[Sections], None]:
    """Changes where an operand begins."""
    return lambda p: vars(p.value(name, operand)).update(offset=expr(p))


def undefined_definition(p: Sections) -> None:
    record = p.exprs[p.symbols[0].definition]
    vars(record).update(vars(p.exprs[unknown(p)]))


def of_other_program(p: Sections) -> None:
    """n is then nowhere defined for the program whose guard reads it."""
    vars(p.exprs[p.symbols[1].definition]).update(vars(p.exprs[p.constant(3)]))
    p.symbols[1].program = 1


def packed(groups: int) -> Callable[[Sections], None]:
    """The packed weights with other groups."""
    return lambda p: vars(p.value("linear", 1)).update(groups=groups)


def broadcast_output(p: Sections) -> None:
    """Where the next node works in place."""
    sized("linear", 4, 3, 0)(p)
    p.value("relu", 1).refs = p.value("linear", 4).refs


SIZES, MEMORY, TENSORS, NODES = (
    f"binding_{name}.cc" for name in ("sizes", "memory", "tensors", "nodes")
)
GUARD = "binder.integer(guard, &holds)"
PACKED = "offset == 0 && t.numel > 0"
SPAN = "span >= 0"
ROOM = "(offset + span) * size_of"
BEGIN = "offset >= 0 && offset < kMaxElements"
BINDING: dict[str, tuple[str, str, Callable[[Sections], Any]]] = {
    "definition": (SIZES, "symbol.definition, inputs", undefined_definition),
    "symbol-of-other-program": (SIZES, GUARD, of_other_program),
    "input-size": (SIZES, "plan.refs[value.refs + axis]", place("linear", 0, 0, unknown)),
    "guard": (SIZES, GUARD, guard),
    "number": (SIZES, "evaluated[port.ref]", lambda p: vars(p.io[9]).update(ref=unknown(p))),
    "definition-elsewhere": (
        SIZES,
        "evaluated[port.ref]",
        lambda p: vars(p.io[9]).update(ref=p.symbols[0].definition),
    ),
    "bytes": (MEMORY, "static_cast<uint32_t>(buffer.bytes)", buffer("cat", 2, unknown)),
    "bytes-negative": (MEMORY, "bytes >= 0 &&", buffer("cat", 2, constant(-1))),
    "bytes-huge": (MEMORY, "bytes >= 0 &&", buffer("cat", 2, constant(1 << 50))),
    "bytes-too-few": (TENSORS, ROOM, buffer("cat", 2, constant(79))),
    "packed-groups": (TENSORS, PACKED, packed(3)),
    "packed-offset": (TENSORS, PACKED, offset("linear", 1, constant(1))),
    "packed-empty": (TENSORS, PACKED, sized("linear", 1, 1, 0)),
    "packed-long": (TENSORS, ROOM, sized("linear", 1, 0, 9)),
    "packed-deep": (TENSORS, SPAN, sized("linear", 1, 1, 1 << 37)),
    "stride-negative": (TENSORS, SPAN, sized("cat", 2, 2, -1)),
    "stride-huge": (TENSORS, SPAN, sized("cat", 2, 2, 1 << 62)),
    "stride-far": (TENSORS, SPAN, sized("cat", 2, 2, 1 << 40)),
    "stride-beyond": (TENSORS, ROOM, sized("cat", 2, 2, 6)),
    "offset": (TENSORS, "binder.integer(record.offset", offset("cat", 2, unknown)),
    "offset-beyond": (TENSORS, ROOM, offset("cat", 2, constant(1))),
    "offset-negative": (TENSORS, BEGIN, offset("cat", 2, constant(-1))),
    "offset-huge": (TENSORS, BEGIN, offset("cat", 2, constant(1 << 62))),
    "size": (TENSORS, "integer(size, &t.shape[axis])", place("cummax", 1, 0, unknown)),
    "stride": (TENSORS, "integer(stride, &t.stride[axis])", place("cummax", 1, 2, unknown)),
    "size-negative": (TENSORS, "t.shape[axis] >= 0 &&", sized("cummax", 1, 0, -1)),
    "size-huge": (TENSORS, "t.shape[axis] >= 0 &&", sized("cummax", 1, 0, 1 << 40)),
    "elements": (TENSORS, "t.numel < kMaxElements", sized("cummax", 1, 0, 1 << 39)),
    "output-strided": (TENSORS, ".contiguous()", sized("cummax", 1, 3, 0)),
    "attribute": (NODES, "binder.binding.evaluated[expr]", attribute("cat", 0, unknown)),
    "dtype": (NODES, "slots->i < kDTypes", attribute("relu", 0, constant(13))),
    "choice": (NODES, "slots->i < int64_t{spec.choices}", attribute("linear", 0, constant(12))),
    "layout": (NODES, "fail(Code::plan_invalid", broadcast_output),
}


@pytest.mark.parametrize("name", BINDING)
def test_binding_refuses(library: Library, name: str) -> None:
    source, check, edit = BINDING[name]
    model = edited(library, edit)
    failure = failing(model, inputs(2))
    assert failure.line in lines(check, source)
    assert failure.code == code("plan-invalid")
    model.close()


def test_kernels_check_what_the_core_does_not(library: Library) -> None:
    model = edited(library, attribute("cat", 0, lambda p: p.constant(2)))
    failure = failing(model, inputs(2))
    assert (failure.code, failure.node) == (code("kernel-refused"), 2)
    model.close()
