"""Damaged control nodes: how they nest, what they read, and what is read of regions that need not
run."""

from __future__ import annotations

import copy

from support.plans import Sections, flowing

from plan_cases.case import HUGE, Suite

SUITE = Suite("plan_control.cc", flowing)
ALONE = Suite("plan_control.cc")
NODES = Suite("plan_nodes.cc", flowing)
PROGRAMS = Suite("plan_programs.cc", flowing)
# Nodes of support.plans.flowing(); the last is the loop's `end`.
COPY_N, COPY_X, REPEAT, ABOVE, TEST, SUB, COPY_COUNT, ABOVE_1, CHOOSE = range(9)
ADD, COPY_ADD, OTHERWISE, ABS, COPY_ABS, END, COPY_CHOSEN, END_LOOP = range(9, 17)
NONE_, CHOOSE_, OTHERWISE_, REPEAT_, TEST_, END_ = range(6)


def field(suite: Suite, check: str, node: int, **changes: int) -> None:
    """A case that changes a node."""
    suite.field(check, f"control-{node}", lambda p: p.nodes[node], **changes)


def control(check: str, node: int, kind: int) -> None:
    """A case that makes a node without operands another control node."""
    field(SUITE, check, node, control=kind)


MIDDLE = "kind(region.first) == first && region.middle == kAbsent"
control("depth > 0 && open[depth - 1].middle != kAbsent", OTHERWISE, END_)
control("regions.depth == 0", END_LOOP, REPEAT_)


@ALONE.edit("regions.depth == 0")
def one_control_node_and_the_first(p: Sections) -> None:
    vars(p.nodes[0]).update(op=HUGE, inputs=0, outputs=0, attrs=0, control=REPEAT_)


@SUITE.edit("WTW_REQUIRE(checker, depth > 0, node)")
def otherwise_outside(p: Sections) -> None:
    p.nodes[REPEAT].control = OTHERWISE_


@SUITE.edit("depth > 0 && open[depth - 1].middle != kAbsent")
def end_outside(p: Sections) -> None:
    p.nodes[REPEAT].control = END_


@SUITE.edit(MIDDLE)
def otherwise_of_a_loop(p: Sections) -> None:
    p.nodes[CHOOSE] = copy.copy(p.nodes[OTHERWISE])


@SUITE.edit(MIDDLE)
def two_otherwise(p: Sections) -> None:
    p.nodes[ADD] = copy.copy(p.nodes[OTHERWISE])


@SUITE.edit("depth < kMaxDepth, depth")
def too_deep(p: Sections) -> None:
    p.nodes += [copy.copy(p.nodes[REPEAT]) for _ in range(40)]


@SUITE.edit("loops++ < kMaxLoops")
def too_many_loops(p: Sections) -> None:
    p.nodes += [p.nodes[node] for node in (REPEAT, TEST, END)] * 1100


# --- control nodes themselves ---

KIND = "node.control <= Control::end && node.op == kAbsent"
READS = "node.inputs == (reads ? 1 : 0)"
field(NODES, KIND, REPEAT, control=6)
field(NODES, KIND, REPEAT, op=0)
field(NODES, READS, REPEAT, inputs=1)
field(NODES, READS, CHOOSE, inputs=0)
field(NODES, READS, TEST, inputs=2)
field(NODES, "node.outputs == 0 && node.attrs == 0", REPEAT, outputs=1)
field(NODES, "node.outputs == 0 && node.attrs == 0", REPEAT, attrs=1)
field(NODES, "plan.refs.holds(node.refs, node.inputs), node.refs", TEST, refs=HUGE)
field(NODES, "node.zero == 0", TEST, zero=1)


@NODES.edit("value < plan.values.count, node.control)")
def test_of_nothing(p: Sections) -> None:
    p.nodes[TEST].refs = p.ref(len(p.values))


@NODES.edit("is_bool && record.rank == 0")
def test_of_an_int(p: Sections) -> None:
    p.nodes[TEST].refs = p.ref(p.refs[p.nodes[COPY_N].refs].index)


@NODES.edit("is_bool && record.rank == 0")
def test_of_a_vector(p: Sections) -> None:
    value = p.values[p.refs[p.nodes[TEST].refs].index]
    vars(value).update(rank=1, refs=p.value("add", 2).refs)


# --- what need not have been written ---


@PROGRAMS.edit("value == kAbsent || readable(plan, value")
def one_way_does_not_write(p: Sections) -> None:
    other = p.refs[p.nodes[ABS].refs + 1].index
    p.nodes[COPY_ABS] = p.nodes[ABS]
    assert other != p.refs[p.nodes[COPY_CHOSEN].refs].index


@PROGRAMS.edit("number || readable(plan, record.ref")
def a_loop_that_need_not_run_writes(p: Sections) -> None:
    p.io[2].ref = p.refs[p.nodes[SUB].refs + 2].index


@PROGRAMS.edit("written.enter(control), n")
def program_begins_inside(p: Sections) -> None:
    p.programs[0].first_node, p.programs[0].nodes = OTHERWISE, END_LOOP + 1 - OTHERWISE


@PROGRAMS.edit("written.is_outside(), index")
def program_ends_inside(p: Sections) -> None:
    p.programs[0].nodes = END


@PROGRAMS.edit("control == Control::none || index != plan.prepare")
def prepare_with_a_loop(p: Sections) -> None:
    p.programs[0].name = len(p.strings)
    p.strings += b"prepare\0"
    vars(p.programs[0]).update(length=7, inputs=0, outputs=0, first_node=REPEAT, nodes=15)


CASES = [*SUITE.cases, *ALONE.cases, *NODES.cases, *PROGRAMS.cases]
