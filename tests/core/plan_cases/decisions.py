"""Damaged decisions: what decides a size, and what needs one before it is decided."""

from __future__ import annotations

from support.plans import Sections, decided

from plan_cases.case import HUGE, Suite

SUITE = Suite("plan_decisions.cc", decided)
RELU, NONZERO, INDEX, ABS = range(4)  # the nodes of support.plans.decided()
INSIDE = "WTW_REQUIRE(checker, inside, i)"
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


NODE_IN_TIME = "in_time(plan, program, plan.node_after[n], n)"


@SUITE.edit(NODE_IN_TIME)
def operand_too_early(p: Sections) -> None:
    p.value("relu", 1).refs = p.value("abs", 1).refs
    p.value("relu", 1).rank = 1


@SUITE.edit("i < program.inputs ? 0 : end")
def input_of_a_decided_size(p: Sections) -> None:
    port = p.io[0]
    size, stride = (p.refs[p.value("abs", 1).refs + i].index for i in range(2))
    p.values.append(type(p.values[0])(**vars(p.values[port.ref])))
    p.values[-1].refs = p.ref(size, stride)
    port.ref = len(p.values) - 1
