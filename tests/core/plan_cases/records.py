"""Damaged operators, symbols, expressions, buffers, values and attributes."""

from __future__ import annotations

import struct
from typing import Any

from support.plans import ARENA, PREPARED, STATE, WEIGHT, Sections, instruction, sample

from plan_cases.case import HUGE, Suite

SUITE = Suite("plan_records.cc")
field = SUITE.field

# --- operators, symbols, expressions ---

field("plan.strings.holds(op.name", "op", lambda p: p.ops[0], name=HUGE)
field("plan.strings.holds(op.name", "op", lambda p: p.ops[0], length=HUGE)
field("plan.op_specs[i] != nullptr", "op", lambda p: p.ops[0], length=0)
field("plan.op_specs[i] != nullptr", "op", lambda p: p.ops[0], length=5)


@SUITE.edit("plan.op_specs[i] != nullptr")
def name_with_zeros(p: Sections) -> None:
    p.ops[0].name, p.ops[0].length = len(p.strings), 40
    p.strings += b"relu".ljust(40, b"\0")


field("symbol.min <= symbol.max", "symbol", lambda p: p.symbols[0], min=9)
field("symbol.program < plan.programs.count", "symbol", lambda p: p.symbols[0], program=3)
field("is_expr(symbol.definition, false)", "symbol", lambda p: p.symbols[0], definition=HUGE - 1)
field("symbol.is_float <= 1", "symbol", lambda p: p.symbols[0], is_float=2)
field("symbol.is_float <= 1", "symbol", lambda p: p.symbols[0], zero=1)
field("symbol.node == kAbsent", "symbol", lambda p: p.symbols[0], node=0)
field("symbol.node == kAbsent", "symbol", lambda p: p.symbols[0], output=1)
field("symbol.node == kAbsent", "symbol", lambda p: p.symbols[0], is_float=1)
field("plan.code.holds(expr.first", "expr", lambda p: p.exprs[0], first=HUGE)
field("plan.code.holds(expr.first", "expr", lambda p: p.exprs[0], count=HUGE)
field("expr.is_float <= 1", "expr", lambda p: p.exprs[-1], is_float=2)
field("expr.is_float <= 1", "expr", lambda p: p.exprs[0], zero=1)
field("check_expr(", "expr-empty", lambda p: p.exprs[0], count=0)


@SUITE.edit("is_expr(symbol.definition, false)")
def float_definition(p: Sections) -> None:
    p.symbols[0].definition = p.expr(instruction("constf"), bytes(8), is_float=1)


def code(name: str, *words: bytes, is_float: int = 0) -> None:
    """A case that adds an expression."""

    def edit(p: Sections) -> None:
        p.expr(*words, is_float=is_float)

    SUITE.add("check_expr(", f"code-{name}", edit)


CONST = (instruction("const"), bytes(8))
code("unknown-opcode", struct.pack("<BBHi", 37, 0, 0, 0))
code("int-symbol-as-float", instruction("symf"), is_float=1)
code("zero-field", instruction("const", zero=1), bytes(8))
code("cut-constant", instruction("const"))
code("unknown-symbol", instruction("sym", argument=2))
code("negative-symbol", instruction("sym", argument=-1))
code("dim-outside-definition", instruction("dim"))
code("scalar-outside-definition", instruction("scalar"))
code("empty-stack", instruction("not"))
code("operand-type", *CONST, instruction("sqrtf"))
code("two-left", *CONST, *CONST)
code("float-wanted", *CONST, is_float=1)
code("int-wanted", instruction("constf"), bytes(8))
code("too-deep", *CONST * 65, *[instruction("add")] * 64)

# --- buffers ---


def weight(p: Sections) -> Any:
    """A weight buffer behind another."""
    return next(b for b in p.buffers if b.kind == WEIGHT and b.offset)


def arena(p: Sections) -> Any:
    return next(b for b in p.buffers if b.kind == ARENA)


def state(p: Sections) -> Any:
    return next(b for b in p.buffers if b.kind == STATE)


def prepared(p: Sections) -> Any:
    return next(b for b in p.buffers if b.kind == PREPARED)


field("buffer.offset % 64 == 0", "weight", weight, offset=160)
field("buffer.offset % 64 == 0", "weight-overlap", weight, offset=64)
field("buffer.offset % 64 == 0", "weight", weight, owner=1)
field("buffer.offset <= checker.plan.weights_bytes", "weight", weight, offset=1 << 40)
field("buffer.bytes <= checker.plan.weights_bytes", "weight", weight, bytes=1 << 63)
field("buffer.owner < checker.plan.programs.count", "arena", arena, owner=3)
SIZED, FIXED = "offset == 0 && buffer.bytes", "offset == 0 && buffer.owner == 0"
field(SIZED, "arena", arena, offset=64)
field(SIZED, "arena", arena, bytes=1 << 32)
field("is_expr(static_cast<uint32_t>(buffer.bytes)", "arena", arena, bytes=HUGE)
field("owner <= i", "state", state, owner=100)
field("owner == 0 || checker.plan.buffers", "state", state, owner=1)
field(SIZED, "state", state, offset=64)
field(FIXED, "prepared", prepared, offset=64)
field(FIXED, "prepared", prepared, owner=1)
field(FIXED, "prepared", prepared, bytes=1 << 31)
field(FIXED, "prepared", prepared, bytes=(1 << 64) - 1)
field("buffer.kind <= BufferKind::prepared", "buffer", arena, kind=4)
field("buffer.kind <= BufferKind::prepared", "first-buffer", lambda p: p.buffers[0], kind=4)


@SUITE.edit("buffer.bytes <= checker.plan.weights_bytes")
def a_byte_more_than_there_is(p: Sections) -> None:
    last = max((b for b in p.buffers if b.kind == WEIGHT), key=lambda b: b.offset)
    last.bytes = len(sample()[1]) - last.offset + 1


@SUITE.edit("owner == 0 || checker.plan.buffers")
def a_state_of_itself(p: Sections) -> None:
    index = p.value("add", 0).buffer
    p.buffers[index].owner = index + 1


@SUITE.edit("owner <= i")
def a_state_of_what_comes_later(p: Sections) -> None:
    index = p.value("add", 0).buffer
    p.buffers[index].owner = index + 2


# --- values ---


def value(p: Sections) -> Any:
    return p.values[0]


def packed(p: Sections) -> Any:
    """The packed weights."""
    return p.value("linear", 1)


field("value.buffer < plan.buffers.count", "value", value, buffer=HUGE)
field("value.dtype < kDTypes", "value", value, dtype=13)
field("value.dtype < kDTypes", "value", value, rank=9)
field("value.dtype < kDTypes", "value", value, zero=1)
field("are_exprs(value.refs", "value", value, refs=HUGE)
field("is_expr(value.offset", "value", value, offset=HUGE)
field("plan.buffers[value.buffer].kind == BufferKind::weight", "packed", value, layout=1, groups=1)
field("value.groups >= 1", "packed", packed, groups=0)
field("value.groups >= 1", "packed", packed, rank=0)
field("static_cast<uint8_t>(Layout::plain)", "value", value, layout=2)
field("value.groups == 0", "value", value, groups=1)


@SUITE.edit("are_exprs(value.refs")
def float_size(p: Sections) -> None:
    real = p.expr(instruction("constf"), bytes(8), is_float=1)
    p.values[0].refs = p.ref(real, real, real, real)


@SUITE.edit("value.buffer < plan.buffers.count")
def one_buffer_too_far(p: Sections) -> None:
    p.values[0].buffer = len(p.buffers)


@SUITE.edit("is_expr(value.offset")
def one_expression_too_far(p: Sections) -> None:
    p.values[0].offset = len(p.exprs)


@SUITE.edit("are_exprs(value.refs")
def the_last_stride_of_eight_axes(p: Sections) -> None:
    number = p.refs[p.values[0].refs].index
    vars(p.values[0]).update(rank=8, refs=p.ref(*[number] * 15, HUGE))


# --- attributes ---


def dim(p: Sections) -> Any:
    return p.attr("cat", 0)


def size(p: Sections) -> Any:
    return p.attr("full", 0)


def number(p: Sections) -> Any:
    return p.attr("full", 1)


field("attr.kind <= static_cast<uint32_t>(AttrKind::reals)", "attr", dim, kind=7)
field("attr.kind <= static_cast<uint32_t>(AttrKind::reals)", "attr", dim, zero=1)
field("attr.kind <= static_cast", "first-attr", lambda p: p.attrs[0], zero=1)
field("attr.count <= kMaxListed", "attr", dim, count=2)
field("attr.count <= kMaxListed", "attr-list", size, count=4097)
field("are_exprs(attr.refs", "attr", dim, refs=HUGE)
field("are_exprs(attr.refs", "attr-type", number, kind=0)
field("are_exprs(attr.refs", "attr-type", size, kind=6)


def zero_state(p: Sections) -> None:
    """No fault: a state that begins as zeros, not as a copy of weights."""
    p.buffer("add", 0).owner = 0
