"""One damaged field a case, and the check of csrc/core/plan.cc that must refuse it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.plans import (
    ARENA,
    STATE,
    TENSOR,
    WEIGHT,
    Sections,
    instruction,
)

from wasm_torch_web.format.plan import ABSENT, SECTIONS

HUGE = 0xFFFFFFFF
LINEAR, RELU, CAT, CUMMAX, FULL, ADD, OTHER = range(7)  # the nodes of support.plans.sample()


@dataclass
class Case:
    """`edit` damages the records, or the bytes of the file; `check` is the refusing condition.

    `check` is a piece of plan.cc; where that occurs twice, "A|B" is the first B behind A.
    """

    name: str
    check: str
    edit: Callable[[Any], Any]
    on_bytes: bool = False


CASES: list[Case] = []


def case(check: str, name: str = "", **fields: Any) -> Callable[[Any], Any]:
    """Marks a function as the edit of a case."""

    def add(function: Any) -> Any:
        CASES.append(Case(name or function.__name__, check, function, **fields))
        return function

    return add


def field(check: str, name: str, find: Callable[[Sections], Any], /, **changes: int) -> None:
    """A case that changes fields of one record."""
    what = "-".join(f"{key}={value}" for key, value in changes.items())
    CASES.append(Case(f"{name}-{what}", check, lambda p: vars(find(p)).update(changes)))


def put(layout: str, offset: int, value: int) -> Callable[[bytearray], None]:
    """Overwrites a number of the file."""
    return lambda plan: struct.pack_into(layout, plan, offset, value)


# --- header ---

for _name, _check, _edit in (
    ("short", "size >= sizeof(Header)", lambda plan: plan.__delitem__(slice(200, None))),
    ("magic", "header.magic", put("<B", 0, 0)),
    ("abi", "header.abi != kAbi", put("<I", 8, 2)),
    ("sections", "header.sections == 12", put("<I", 12, 11)),
    ("size", "header.bytes == size", put("<Q", 16, 1 << 40)),
    ("gap", "next(&p.strings)", put("<Q", 24, 224)),
):
    CASES.append(Case(f"header-{_name}", _check, _edit, on_bytes=True))
for _index, _section in enumerate(SECTIONS):
    CASES.append(
        Case(f"count-{_section}", "next(&p.strings)", put("<Q", 32 + 16 * _index, 1 << 60), True)
    )


@case("== size, end", on_bytes=True)
def trailing_bytes(plan: bytearray) -> None:
    plan += bytes(8)
    struct.pack_into("<Q", plan, 16, len(plan))


@case("next(&p.strings)", on_bytes=True)
def cut_inside_padding(plan: bytearray) -> None:
    """The file ends with the strings, before the padding that the next section begins after."""
    offset, count = struct.unpack_from("<QQ", plan, 24)
    assert (offset + count) % 8
    del plan[offset + count :]
    struct.pack_into("<Q", plan, 16, len(plan))


@case("p.nodes.count <= kMaxNodes")
def too_many_nodes(p: Sections) -> None:
    p.nodes += [p.nodes[-1]] * 65536


# --- operators, symbols, expressions ---

field("string_at(plan_, op.name", "op", lambda p: p.ops[0], name=HUGE)
field("string_at(plan_, op.name", "op", lambda p: p.ops[0], length=HUGE)
field("plan_.op_specs[i] != nullptr", "op", lambda p: p.ops[0], length=0)
field("plan_.op_specs[i] != nullptr", "op", lambda p: p.ops[0], length=5)


@case("plan_.op_specs[i] != nullptr")
def name_with_zeros(p: Sections) -> None:
    p.ops[0].name, p.ops[0].length = len(p.strings), 40
    p.strings += b"relu".ljust(40, b"\0")


field("symbol.min <= symbol.max", "symbol", lambda p: p.symbols[0], min=9)
field("symbol.program < plan_.programs.count", "symbol", lambda p: p.symbols[0], program=2)
field("symbol.definition < plan_.exprs.count", "symbol", lambda p: p.symbols[0], definition=HUGE)
field("plan_.code.holds(expr.first", "expr", lambda p: p.exprs[0], first=HUGE)
field("plan_.code.holds(expr.first", "expr", lambda p: p.exprs[0], count=HUGE)
field("expr.is_float <= 1", "expr", lambda p: p.exprs[0], is_float=2)
field("expr.is_float <= 1", "expr", lambda p: p.exprs[0], zero=1)
field("check_expr(", "expr-empty", lambda p: p.exprs[0], count=0)


@case("is_expr(plan_.symbols[i].definition, false)")
def float_definition(p: Sections) -> None:
    real = p.expr(instruction("constf"), bytes(8), is_float=1)
    p.exprs[p.symbols[0].definition] = p.exprs[real]


def refused_code(name: str, *words: bytes, is_float: int = 0) -> None:
    """A case that adds an expression."""

    def edit(p: Sections) -> None:
        p.expr(*words, is_float=is_float)

    CASES.append(Case(f"code-{name}", "check_expr(", edit))


CONST = (instruction("const"), bytes(8))
refused_code("unknown-opcode", struct.pack("<BBHi", 36, 0, 0, 0))
refused_code("zero-field", instruction("const", zero=1), bytes(8))
refused_code("cut-constant", instruction("const"))
refused_code("unknown-symbol", instruction("sym", argument=2))
refused_code("negative-symbol", instruction("sym", argument=-1))
refused_code("dim-outside-definition", instruction("dim"))
refused_code("scalar-outside-definition", instruction("scalar"))
refused_code("empty-stack", instruction("not"))
refused_code("operand-type", *CONST, instruction("sqrtf"))
refused_code("two-left", *CONST, *CONST)
refused_code("float-wanted", *CONST, is_float=1)
refused_code("int-wanted", instruction("constf"), bytes(8))
refused_code("too-deep", *CONST * 65, *[instruction("add")] * 64)


@case("check_expr(")
def negative_input(p: Sections) -> None:
    p.symbols[0].definition = p.expr(instruction("dim", argument=-1))


# --- buffers and values ---

_WEIGHT, _ARENA, _STATE = (
    lambda p: next(b for b in p.buffers if b.kind == WEIGHT and b.offset),
    lambda p: next(b for b in p.buffers if b.kind == ARENA),
    lambda p: next(b for b in p.buffers if b.kind == STATE),
)
field("buffer.offset % 64 == 0", "weight", _WEIGHT, offset=160)
field("buffer.offset % 64 == 0", "weight-overlap", _WEIGHT, offset=64)
field("buffer.offset % 64 == 0", "weight", _WEIGHT, owner=1)
field("buffer.offset <= plan_.weights_bytes", "weight", _WEIGHT, offset=1 << 40)
field("buffer.bytes <= plan_.weights_bytes", "weight", _WEIGHT, bytes=1 << 63)
field("buffer.owner < plan_.programs.count", "arena", _ARENA, owner=2)
field("buffer.owner < plan_.programs.count", "arena", _ARENA, offset=64)
field("case BufferKind::arena:|buffer.bytes <= UINT32_MAX", "arena", _ARENA, bytes=1 << 32)
field("case BufferKind::arena:|buffer.bytes <= UINT32_MAX", "arena", _ARENA, bytes=HUGE)
field("buffer.owner <= i", "state", _STATE, owner=100)
field("buffer.owner <= i", "state", _STATE, offset=64)
field("buffer.owner == 0 ||", "state", _STATE, owner=1)
field("case BufferKind::state:|buffer.bytes <= UINT32_MAX", "state", _STATE, bytes=1 << 32)
field("case BufferKind::state:|buffer.bytes <= UINT32_MAX", "state", _STATE, bytes=HUGE)
field("return refuse(__LINE__, i);", "buffer", _ARENA, kind=3)

_VALUE = lambda p: p.values[0]  # noqa: E731
_PACKED = lambda p: p.value("linear", 1)  # noqa: E731
field("value.buffer < plan_.buffers.count", "value", _VALUE, buffer=HUGE)
field("value.dtype < kDTypes", "value", _VALUE, dtype=11)
field("value.dtype < kDTypes", "value", _VALUE, rank=9)
field("value.dtype < kDTypes", "value", _VALUE, zero=1)
field("expr_refs(value.refs", "value", _VALUE, refs=HUGE)
field("is_expr(value.offset", "value", _VALUE, offset=HUGE)
field(
    "plan_.buffers[value.buffer].kind == BufferKind::weight",
    "panel8-in-arena",
    _VALUE,
    layout=1,
    groups=1,
)
field("value.groups >= 1", "panel8", _PACKED, groups=0)
field("value.groups >= 1", "panel8", _PACKED, rank=0)
field("value.layout == static_cast<uint8_t>(Layout::plain) && value", "value", _VALUE, layout=2)
field("value.layout == static_cast<uint8_t>(Layout::plain) && value", "value", _VALUE, groups=1)


@case("expr_refs(value.refs")
def float_size(p: Sections) -> None:
    real = p.expr(instruction("constf"), bytes(8), is_float=1)
    p.values[0].refs = p.ref(real, real, real, real)


# --- attributes and nodes ---

_DIM, _SIZE, _NUMBER = (
    lambda p: p.attr("cat", 0),
    lambda p: p.attr("full", 0),
    lambda p: p.attr("full", 1),
)
field("attr.kind <= static_cast<uint32_t>(AttrKind::reals)", "attr", _DIM, kind=7)
field("attr.kind <= static_cast<uint32_t>(AttrKind::reals)", "attr", _DIM, zero=1)
field("attr.count <= 4096", "attr", _DIM, count=2)
field("attr.count <= 4096", "attr-list", _SIZE, count=4097)
field("expr_refs(attr.refs", "attr", _DIM, refs=HUGE)
field("expr_refs(attr.refs", "attr-type", _NUMBER, kind=0)
field("expr_refs(attr.refs", "attr-type", _SIZE, kind=6)


def node_field(check: str, name: str, /, **changes: int) -> None:
    """A case that changes a node."""
    field(check, f"node-{name}", lambda p: p.node(name), **changes)


node_field("node.op < plan_.ops.count", "relu", op=6)
node_field("variadic ?", "relu", inputs=2)
node_field("variadic ?", "cat", inputs=0)
node_field("node.outputs == spec.n_out", "cummax", outputs=1)
node_field("node.outputs == spec.n_out", "relu", attrs=1)
node_field("node.inputs <= kMaxNodes", "cat", inputs=65537)
node_field("plan_.refs.holds(node.refs", "relu", refs=HUGE)
node_field("plan_.attrs.holds(node.first_attr", "relu", first_attr=HUGE)
field("static_cast<uint32_t>(spec.attrs[i].kind)", "attr-of-node", _DIM, kind=2)


def operand(check: str, name: str, index: int, value: Callable[[Sections], int]) -> None:
    """A case that gives a node another operand, in references of its own."""

    def edit(p: Sections) -> None:
        node = p.node(name)
        operands = [p.operand(name, i).index for i in range(node.inputs + node.outputs)]
        operands[index] = value(p)
        node.refs = p.ref(*operands)

    CASES.append(Case(f"operand-{name}-{index}-{len(CASES)}", check, edit))


def operand_of(name: str, index: int) -> Callable[[Sections], int]:
    """The value that another node has there."""
    return lambda p: int(p.operand(name, index).index)


operand("!output && (spec.flags & 1) != 0", "linear", 0, lambda p: ABSENT)
operand("!output && (spec.flags & 1) != 0", "linear", 4, lambda p: ABSENT)
operand("value < plan_.values.count, value", "linear", 0, lambda p: len(p.values))
operand("(spec.dtypes & mask_of", "linear", 0, operand_of("cummax", 2))
operand("(spec.layouts & kPanel8)", "relu", 0, operand_of("linear", 1))
operand("(spec.layouts & kPanel8)", "relu", 1, operand_of("linear", 1))
operand("REQUIRE(kind != BufferKind::weight", "add", 2, operand_of("add", 1))
operand("allowed && same_place", "linear", 4, operand_of("linear", 0))
operand("allowed && same_place", "add", 1, operand_of("add", 2))


@case("allowed && same_place")
def second_output_in_place(p: Sections) -> None:
    p.value("cummax", 2).buffer = p.value("cummax", 0).buffer


@case(".buffer != buffer, out")
def outputs_share(p: Sections) -> None:
    p.value("cummax", 2).buffer = p.value("cummax", 1).buffer


def elsewhere(name: str, edit: Callable[[Sections, Any], None]) -> None:
    """A case whose in-place output is not at the place of its input."""
    CASES.append(
        Case(f"in-place-{name}", "allowed && same_place", lambda p: edit(p, p.value("relu", 1)))
    )


def _other_sizes(p: Sections, value: Any) -> None:
    sizes = [p.refs[value.refs + i].index for i in range(4)]
    value.refs = p.ref(*sizes[:3], sizes[2])


elsewhere("dtype", lambda p, value: vars(value).update(dtype=7))
elsewhere("rank", lambda p, value: vars(value).update(rank=1))
elsewhere("offset", lambda p, value: vars(value).update(offset=p.constant(0)))
elsewhere("sizes", _other_sizes)

# --- programs ---

_FORWARD = lambda p: p.programs[0]  # noqa: E731
field("string_at(plan_, program.name", "program", _FORWARD, name=HUGE)
field("plan_.nodes.holds(program.first_node", "program", _FORWARD, nodes=8)
field("program.inputs <= 65536", "program", _FORWARD, inputs=65537)
field("program.inputs <= 65536", "program", _FORWARD, outputs=65537)
field("plan_.io.holds(program.first_io", "program", _FORWARD, first_io=HUGE)
field("expr_refs(program.first_guard", "program", _FORWARD, first_guard=HUGE)


def port(check: str, index: int, **changes: int) -> None:
    """A case that changes an input or output of `forward`."""
    field(check, f"io-{index}", lambda p: p.io[index], **changes)


X, N, FLAG, REAL, FIRST_OUT, TWICE, HALF = 0, 1, 2, 3, 4, 9, 10
port("REQUIRE(record.ref < plan_.values.count", X, ref=HUGE)
port("buffer.owner == program, record.ref", X, ref=8)  # the state
port("is_expr(record.ref, false)", N, ref=1)
port("is_expr(record.ref, false)", FLAG, ref=1)
port("is_expr(record.ref, false)", TWICE, ref=HUGE)
port("is_expr(record.ref, true)", REAL, ref=1)
port("is_expr(record.ref, true)", HALF, ref=0)
port("case IoKind::real:|default:", REAL, kind=4)


@case("Layout::plain), record.ref")
def packed_output(p: Sections) -> None:
    p.io[FIRST_OUT].ref = p.operand("linear", 1).index


@case("buffer.owner == program, record.ref")
def input_of_other_program(p: Sections) -> None:
    p.io[X].ref = p.values.index(p.values[-1])


@case("!written[buffer], record.ref")
def inputs_share(p: Sections) -> None:
    vars(p.io[N]).update(kind=TENSOR, ref=p.io[X].ref)


@case("value == kAbsent || readable(value")
def read_before_written(p: Sections) -> None:
    p.nodes[RELU], p.nodes[LINEAR] = p.nodes[LINEAR], p.nodes[RELU]


@case("value == kAbsent || readable(value")
def read_from_other_program(p: Sections) -> None:
    p.programs[1].nodes, p.programs[1].first_node = 2, ADD
    p.nodes[ADD].refs = p.ref(
        p.operand("cat", 0).index, p.operand("add", 1).index, p.operand("add", 2).index
    )


@case("buffer.kind != BufferKind::arena || buffer.owner == index, value")
def write_to_other_program(p: Sections) -> None:
    p.nodes[FULL].refs = p.ref(len(p.values) - 1)


@case("record.kind != IoKind::tensor || readable(record.ref")
def output_never_written(p: Sections) -> None:
    p.programs[0].nodes -= 1
    p.nodes[FULL].refs = p.ref(p.operand("cat", 2).index)


# --- running ---


def zero_state(p: Sections) -> None:
    """No fault: a state that begins as zeros, not as a copy of weights."""
    p.buffer("add", 0).owner = 0


def damaged(case: Case, plan: bytes) -> bytes:
    """The plan with the case's fault."""
    if case.on_bytes:
        content = bytearray(plan)
        case.edit(content)
        return bytes(content)
    sections = Sections(plan)
    case.edit(sections)
    return sections.pack()
