"""Damaged programs: inputs, outputs, definitions of symbols, and what is read too early."""

from __future__ import annotations

import copy

from support.plans import ARENA, TENSOR, Sections, instruction

from plan_cases.case import HUGE, Suite

SUITE = Suite("plan_programs.cc")
# The nodes of support.plans.sample(), and its program `prepare`.
LINEAR, RELU, CAT, CUMMAX, FULL, ADD, NEG, OTHER, ABS, SQRT = range(10)
PREPARE = 2


def field(check: str, /, **changes: int) -> None:
    """A case that changes the program `forward`."""
    SUITE.field(check, "program", lambda p: p.programs[0], **changes)


field("plan.strings.holds(program.name", name=HUGE)
field("plan.nodes.holds(program.first_node", nodes=11)
field("program.inputs <= kMaxPorts", inputs=65537)
field("program.inputs <= kMaxPorts", outputs=65537)
field("plan.io.holds(program.first_io", first_io=HUGE)
field("are_exprs(program.first_guard", first_guard=HUGE)

# --- inputs and outputs ---


def port(check: str, index: int, **changes: int) -> None:
    """A case that changes an input or output of `forward`."""
    SUITE.field(check, f"io-{index}", lambda p: p.io[index], **changes)


X, N, FLAG, REAL, FIRST_OUT, TWICE, HALF, Y, OUT = 0, 1, 2, 3, 4, 9, 10, 13, 14
NUMBER = "input ? record.ref == 0"
OWN_INPUT = "!input || (buffer.kind"
port("value < plan.values.count", X, ref=HUGE)
port(OWN_INPUT, X, ref=8)  # the state
port(NUMBER, N, ref=1)
port(NUMBER, FLAG, ref=1)
port(NUMBER, TWICE, ref=HUGE)
port(NUMBER, REAL, ref=1)
port(NUMBER, HALF, ref=0)
port("record.kind <= IoKind::boolean", REAL, kind=4)


@SUITE.edit("value < plan.values.count")
def one_value_too_far(p: Sections) -> None:
    p.io[X].ref = len(p.values)


@SUITE.edit("!plan.values[value].is_packed()")
def packed_output(p: Sections) -> None:
    p.io[FIRST_OUT].ref = p.operand("linear", 1).index


@SUITE.edit(OWN_INPUT)
def input_of_other_program(p: Sections) -> None:
    p.io[X].ref = p.io[Y].ref


@SUITE.edit("!written[buffer], record.ref")
def inputs_share(p: Sections) -> None:
    vars(p.io[REAL]).update(kind=TENSOR, ref=p.io[X].ref)


# --- definitions of symbols ---


def definition(check: str, name: str, opcode: str, argument: int, axis: int = 0) -> None:
    """A case that defines `rows` by another input."""

    def edit(p: Sections) -> None:
        new = p.expr(instruction(opcode, operand=axis, argument=argument))
        p.exprs[p.symbols[0].definition] = p.exprs.pop(new)

    SUITE.add(check, f"definition-by-{name}", edit)


definition("input < program.inputs, input", "output", "dim", FIRST_OUT)
definition("input < program.inputs, input", "no-input", "scalar", -1)
definition("record.kind == IoKind::tensor, input", "size-of-a-number", "dim", N)
definition("code.operand < plan.values", "missing-axis", "dim", X, axis=2)
definition("record.kind == IoKind::integer, input", "number-of-a-tensor", "scalar", X)
definition("record.kind == IoKind::integer, input", "float", "scalar", REAL)

# --- order ---

READABLE = "value == kAbsent || readable(plan, value"


@SUITE.edit(READABLE)
def read_before_written(p: Sections) -> None:
    p.nodes[RELU], p.nodes[LINEAR] = p.nodes[LINEAR], p.nodes[RELU]


@SUITE.edit(READABLE)
def read_from_other_program(p: Sections) -> None:
    p.programs[1].nodes, p.programs[1].first_node = 3, ADD
    p.nodes[ADD].refs = p.ref(
        p.operand("cat", 0).index, p.operand("add", 1).index, p.operand("add", 2).index
    )


WRITABLE = "writable(plan, value, index), value"


@SUITE.edit(WRITABLE)
def write_to_other_program(p: Sections) -> None:
    p.nodes[FULL].refs = p.ref(p.io[OUT].ref)


@SUITE.edit("number || readable(plan, record.ref")
def output_never_written(p: Sections) -> None:
    p.programs[0].nodes -= 1


# --- the program `prepare` ---


def prepare(check: str, name: str, /, **changes: int) -> None:
    """A case that changes the program `prepare`."""
    SUITE.field(check, f"prepare-{name}", lambda p: p.programs[PREPARE], **changes)


PORTLESS = "program.inputs == 0 &&"
prepare(PORTLESS, "inputs", inputs=1)
prepare(PORTLESS, "outputs", outputs=1)
prepare(PORTLESS, "guards", guards=1)
prepare("!prepared || plan.prepare != kAbsent", "missing", length=6)
prepare("!= BufferKind::prepared || written[i]", "does-not-write", nodes=1)


@SUITE.edit("plan.prepare == kAbsent, i")
def two_prepare(p: Sections) -> None:
    p.programs.append(copy.copy(p.programs[PREPARE]))


@SUITE.edit("plan.symbols[i].program != plan.prepare")
def symbol_of_prepare(p: Sections) -> None:
    p.symbols[0].program = PREPARE


def operands(check: str, name: str, node: int, *operands: tuple[str, int]) -> None:
    """A case that gives a node the operands that other nodes have."""

    def edit(p: Sections) -> None:
        p.nodes[node].refs = p.ref(*(p.operand(*one).index for one in operands))

    SUITE.add(check, name, edit)


X_OF, STATE_OF, ABSOLUTE, ROOT = ("linear", 0), ("add", 0), ("abs", 1), ("sqrt", 1)
operands(READABLE, "prepare-reads-an-arena", ABS, X_OF, ABSOLUTE)
operands(READABLE, "prepare-reads-a-state", ABS, STATE_OF, ABSOLUTE)
operands(READABLE, "prepare-reads-too-early", ABS, ROOT, ABSOLUTE)
operands(WRITABLE, "prepare-writes-an-arena", SQRT, ABSOLUTE, ("linear", 4))
operands(WRITABLE, "prepare-writes-a-state", SQRT, ABSOLUTE, STATE_OF)
operands(WRITABLE, "write-to-prepared", FULL, ROOT)


@SUITE.edit(WRITABLE)
def prepare_writes_an_arena_of_its_own(p: Sections) -> None:
    vars(p.buffer("abs", 1)).update(kind=ARENA, owner=PREPARE, bytes=p.constant(12))
