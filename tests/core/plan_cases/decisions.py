"""Damaged decisions: what decides a size, and what needs one before it is decided."""

from __future__ import annotations

import copy

from support.plans import INT, Sections, choosing, decided, instruction

from plan_cases.case import HUGE, Suite

SUITE = Suite("plan_decisions.cc", decided)
CHOICE = Suite("plan_decisions.cc", choosing)
RELU, NONZERO, INDEX, ABS = range(4)  # the nodes of support.plans.decided()
LEVEL, NONZEROS, POSITIVES = 1, 2, 3  # symbols of support.plans.choosing()
INSIDE = "symbol.node - program.first_node < program.nodes"
SCALAR = "value.rank == 0 && value.dtype"


def symbol(check: str, /, **changes: int) -> None:
    """A case that changes the symbol."""
    SUITE.field(check, "symbol", lambda p: p.symbols[0], **changes)


symbol(INSIDE, node=4)
symbol(INSIDE, node=HUGE)
symbol("symbol.output < node.outputs", output=2)
symbol(SCALAR, output=0)  # not 0-d


@SUITE.edit(INSIDE)
def node_of_an_earlier_program(p: Sections) -> None:
    p.programs[0].first_node, p.programs[0].nodes = NONZERO, 3
    found, count = (p.operand("nonzero", i).index for i in (1, 2))
    p.nodes[NONZERO].refs = p.ref(p.io[0].ref, found, count)
    p.symbols[0].node = RELU


@SUITE.edit(SCALAR)
def decided_by_a_float(p: Sections) -> None:
    p.symbols[0].node = ABS
    p.symbols[0].output = 0
    vars(p.value("abs", 1)).update(rank=0)


NODE_IN_TIME = "in_time(plan, program, plan.after_node(n), n)"


@SUITE.edit(NODE_IN_TIME)
def operand_too_early(p: Sections) -> None:
    p.value("relu", 1).refs = p.value("abs", 1).refs
    p.value("relu", 1).rank = 1


@SUITE.edit(NODE_IN_TIME)
def offset_too_early(p: Sections) -> None:
    p.value("relu", 1).offset = size(p, 0)


@SUITE.edit(NODE_IN_TIME)
def attribute_too_early(p: Sections) -> None:
    p.attr("relu", 0).refs = p.ref(size(p, 0))


PORT_IN_TIME = "i < program.inputs ? 0 : end"


@SUITE.edit(PORT_IN_TIME)
def input_of_a_decided_size(p: Sections) -> None:
    port = p.io[0]
    size, stride = (p.refs[p.value("abs", 1).refs + i].index for i in range(2))
    p.values.append(type(p.values[0])(**vars(p.values[port.ref])))
    p.values[-1].refs = p.ref(size, stride)
    port.ref = len(p.values) - 1


# --- sizes of which a run decides one or the other ---

GUARD_IN_TIME = "after < 0 || decided < program.nodes"


def size(p: Sections, *symbols: int) -> int:
    """The index of an expression: the sum of these symbols."""
    words = [instruction("sym", 0, symbol) for symbol in symbols]
    return p.expr(*words, *[instruction("add")] * (len(symbols) - 1))


def lengthen(p: Sections, value: int, *symbols: int) -> None:
    """Makes a value a vector of so many elements."""
    vars(p.values[value]).update(rank=1, refs=p.ref(size(p, *symbols), p.constant(1)))


@CHOICE.edit(GUARD_IN_TIME)
def guard_of_both_parts(p: Sections) -> None:
    p.programs[0].first_guard, p.programs[0].guards = p.ref(size(p, NONZEROS, POSITIVES)), 1


@CHOICE.edit(GUARD_IN_TIME)
def the_second_guard(p: Sections) -> None:
    one, both = p.constant(1), size(p, NONZEROS, POSITIVES)
    p.programs[0].first_guard, p.programs[0].guards = p.ref(one, one, both) + 1, 2


@CHOICE.edit(GUARD_IN_TIME)
def guard_of_another_program(p: Sections) -> None:
    p.programs[1].first_guard, p.programs[1].guards = p.programs[0].first_guard, 1


@CHOICE.edit(GUARD_IN_TIME)
def guard_of_the_first_node_of_another_program(p: Sections) -> None:
    assert p.symbols[LEVEL].node == 0
    level = p.expr(instruction("symf", 0, LEVEL), instruction("floor"))
    p.programs[1].first_guard, p.programs[1].guards = p.ref(level), 1


def other_way_round(p: Sections) -> None:
    """Puts the nodes of the second program before those of the first."""
    first, later = p.programs[1], p.programs[0]
    p.nodes = p.nodes[first.first_node :] + p.nodes[: first.first_node]
    first.first_node, later.first_node = 0, first.nodes
    for symbol in p.symbols:
        if symbol.definition == HUGE:
            symbol.node += first.nodes


@CHOICE.edit(GUARD_IN_TIME)
def guard_of_the_next_node(p: Sections) -> None:
    """Which is the next program's first."""
    other_way_round(p)
    level = p.expr(instruction("symf", 0, LEVEL), instruction("floor"))
    p.programs[1].first_guard, p.programs[1].guards = p.ref(level), 1


@CHOICE.edit(PORT_IN_TIME)
def tensor_of_one_part(p: Sections) -> None:
    """Another view of what an output has."""
    port = p.io[p.programs[0].inputs]
    p.values.append(copy.copy(p.values[port.ref]))
    lengthen(p, len(p.values) - 1, NONZEROS)
    port.ref = len(p.values) - 1


@CHOICE.edit(PORT_IN_TIME)
def the_last_stride_of_three_axes(p: Sections) -> None:
    port, one = p.io[p.programs[0].inputs], p.constant(1)
    p.values.append(copy.copy(p.values[port.ref]))
    vars(p.values[-1]).update(rank=3, refs=p.ref(*[one] * 5, size(p, NONZEROS)))
    port.ref = len(p.values) - 1


@CHOICE.edit(PORT_IN_TIME)
def number_of_one_part(p: Sections) -> None:
    vars(p.io[p.programs[0].inputs + 2]).update(kind=INT, ref=size(p, NONZEROS))


@CHOICE.edit(NODE_IN_TIME)
def size_of_one_part_behind_it(p: Sections) -> None:
    lengthen(p, p.io[p.programs[0].inputs + 1].ref, NONZEROS)


@CHOICE.edit(NODE_IN_TIME)
def size_of_both_parts(p: Sections) -> None:
    lengthen(p, p.io[p.programs[0].inputs + 1].ref, NONZEROS, POSITIVES)


@CHOICE.edit(NODE_IN_TIME)
def node_of_another_program(p: Sections) -> None:
    lengthen(p, p.io[-1].ref, NONZEROS)


CASES = [*SUITE.cases, *CHOICE.cases]
