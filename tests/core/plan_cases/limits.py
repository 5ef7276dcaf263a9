"""Plans at the limits of what is allowed: none is refused where one step further is."""

from __future__ import annotations

import copy
import struct
from types import SimpleNamespace
from typing import Any

from support.plans import ARENA, INT, STATE, Sections, choosing, flowing, instruction, sample

from plan_cases.case import HUGE, Suite, put
from plan_cases.control import END, REPEAT, TEST
from plan_cases.decisions import NONZEROS, other_way_round
from plan_cases.nodes import MAX_OPERANDS
from wasm_torch_web.format.plan import SECTIONS

HEADER = Suite("plan_header.cc")
RECORDS = Suite("plan_records.cc")
NODES = Suite("plan_nodes.cc")
PROGRAMS = Suite("plan_programs.cc")
CONTROL = Suite("plan_control.cc", flowing)
DECISIONS = Suite("plan_decisions.cc", choosing)
LISTED, PORTS, DEPTH, LOOPS, RANK = 4096, 1 << 16, 32, 1024, 8


def aligned() -> tuple[bytes, bytes]:
    """The sample with weights up to where a next one would begin."""
    plan, weights = sample()
    return plan, weights + bytes(-len(weights) % 64)


WEIGHTS = Suite("plan_records.cc", aligned)


@HEADER.edit("size >= sizeof(Header)", on_bytes=True)
def a_header_and_nothing_else(plan: bytearray) -> None:
    """Every section is empty, and begins where the file ends."""
    size = 24 + 16 * len(SECTIONS)
    del plan[size:]
    put("<Q", 16, size)(plan)
    for section in range(len(SECTIONS)):
        put("<Q", 24 + 16 * section, size)(plan)
        put("<Q", 32 + 16 * section, 0)(plan)


@RECORDS.edit("symbol.min <= symbol.max")
def one_size(p: Sections) -> None:
    p.symbols[0].min = p.symbols[0].max


@RECORDS.edit("attr.count <= kMaxListed")
def a_long_list(p: Sections) -> None:
    size = p.attr("full", 0)
    number = p.refs[size.refs].index
    vars(size).update(count=LISTED, refs=p.ref(*[number] * LISTED))


@RECORDS.edit("checker.are_exprs(value.refs")
def eight_axes_before_what_is_no_expression(p: Sections) -> None:
    number = p.refs[p.values[0].refs].index
    p.values.append(copy.copy(p.values[0]))
    vars(p.values[-1]).update(rank=RANK, refs=p.ref(*[number] * 2 * RANK, HUGE))


@WEIGHTS.edit("buffer.offset <= checker.plan.weights_bytes")
def an_empty_weight_at_the_end(p: Sections) -> None:
    """Of the weights, of which the one before it takes all that is left."""
    last = max((b for b in p.buffers if b.kind == 0), key=lambda b: b.offset)
    last.bytes = len(aligned()[1]) - last.offset
    p.buffers.append(SimpleNamespace(kind=0, owner=0, offset=last.offset + last.bytes, bytes=0))


@NODES.edit("plan.nodes.count <= kMaxNodes")
def many_nodes(p: Sections) -> None:
    p.nodes += [p.nodes[-1]] * (PORTS - len(p.nodes))


@NODES.edit("operands <= kMaxOperands, operands")
def many_operands(p: Sections) -> None:
    """Of nodes that no program has, a last one with what is missing."""
    missing = MAX_OPERANDS - sum(node.inputs + node.outputs for node in p.nodes)
    cat, most = p.node("cat"), 1 << 16
    value, out = p.operand("cat", 0).index, p.operand("cat", 2).index
    refs = p.ref(*[value] * most, out)
    full = SimpleNamespace(**vars(cat) | {"inputs": most - 1, "refs": refs + 1})
    rest = missing % most - 1
    last = SimpleNamespace(**vars(cat) | {"inputs": rest, "refs": refs + most - rest})
    p.nodes += [full] * (missing // most) + [last]


@NODES.edit("numbers <= kMaxOperands, numbers")
def many_numbers(p: Sections) -> None:
    """The same of attributes: a list, a number and a dtype."""
    full, others = p.node("full"), 2
    missing = MAX_OPERANDS - sum(_numbers(p, node) for node in p.nodes)
    number = p.refs[p.attr("full", 0).refs].index
    nodes, rest = divmod(missing, LISTED + others)
    for times, count in ((nodes, LISTED), (1, rest - others)):
        size, *more = p.attrs[full.first_attr : full.first_attr + full.attrs]
        assert len(more) == others
        first = len(p.attrs)
        refs = p.ref(*[number] * count)
        p.attrs += [SimpleNamespace(**vars(size) | {"count": count, "refs": refs}), *more]
        p.nodes += [SimpleNamespace(**vars(full) | {"first_attr": first})] * times


def _numbers(p: Sections, node: Any) -> int:
    return sum(one.count for one in p.attrs[node.first_attr : node.first_attr + node.attrs])


@PROGRAMS.edit("program.inputs <= kMaxPorts")
def many_ports(p: Sections) -> None:
    """All numbers: of each, the inputs' and the outputs'."""
    number = next(e for e, one in enumerate(p.exprs) if not one.is_float)
    given = SimpleNamespace(kind=INT, ref=0, zero1=0, zero2=0)
    made = SimpleNamespace(kind=INT, ref=number, zero1=0, zero2=0)
    vars(p.programs[1]).update(first_io=len(p.io), inputs=PORTS, outputs=PORTS, nodes=0)
    p.io += [*[given] * PORTS, *[made] * PORTS]


@CONTROL.edit("depth < kMaxDepth, depth")
def deep(p: Sections) -> None:
    _nested(p, DEPTH)


@CONTROL.edit("loops++ < kMaxLoops")
def many_loops(p: Sections) -> None:
    """With the one that the plan has."""
    for _ in range(LOOPS - 1):
        _nested(p, 1)


def _nested(p: Sections, depth: int) -> None:
    """Loops at the end of the program, one inside the other."""
    p.nodes += [p.nodes[REPEAT], p.nodes[TEST]] * depth + [p.nodes[END]] * depth
    p.programs[0].nodes = len(p.nodes)


@DECISIONS.edit("i < program.inputs ? 0 : end")
def the_first_expression_is_decided(p: Sections) -> None:
    """Which inputs that are numbers name, and mean nothing by it."""
    (word,) = struct.unpack("<Q", instruction("sym", 0, NONZEROS))
    decided = next(i for i, e in enumerate(p.exprs) if p.code[e.first].word == word)
    p.exprs[0], p.exprs[decided] = p.exprs[decided], p.exprs[0]
    inputs = {one.first_io + i for one in p.programs for i in range(one.inputs)}
    named = [(value, "offset") for value in p.values]
    named += [(buffer, "bytes") for buffer in p.buffers if buffer.kind in (ARENA, STATE)]
    named += [(symbol, "definition") for symbol in p.symbols]
    named += [(port, "ref") for i, port in enumerate(p.io) if port.kind and i not in inputs]
    lists = [(value.refs, 2 * value.rank) for value in p.values]
    lists += [(attr.refs, attr.count) for attr in p.attrs]
    lists += [(one.first_guard, one.guards) for one in p.programs]
    places = {first + i for first, count in lists for i in range(count)}
    for record, key in [*named, *((p.refs[place], "index") for place in places)]:
        index = getattr(record, key)
        setattr(record, key, {0: decided, decided: 0}.get(index, index))


@DECISIONS.edit("in_time(plan, program, plan.after_node(n), n)")
def decisions_of_a_later_program(p: Sections) -> None:
    other_way_round(p)


SUITES = (HEADER, RECORDS, WEIGHTS, NODES, PROGRAMS, CONTROL, DECISIONS)
LIMITS = [case for suite in SUITES for case in suite.cases]
