"""Damaged nodes: arity, operands, attributes, and outputs over other operands."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from support.plans import Sections

from plan_cases.case import HUGE, Suite
from wasm_torch_web.format.plan import ABSENT

SUITE = Suite("plan_nodes.cc")
MAX_OPERANDS = 1 << 24


def field(check: str, name: str, /, **changes: int) -> None:
    """A case that changes a node."""
    SUITE.field(check, f"node-{name}", lambda p: p.node(name), **changes)


field("node.op < plan.ops.count", "relu", op=9)
field("node.inputs == spec.n_in || more", "relu", inputs=2)
field("node.inputs == spec.n_in || more", "cat", inputs=0)
field("node.inputs <= kMaxOperands", "cat", inputs=MAX_OPERANDS + 1)
field("node.outputs == spec.n_out", "cummax", outputs=1)
field("node.outputs == spec.n_out", "relu", attrs=1)
field("holds(node.refs, node.inputs + node.outputs)", "relu", refs=HUGE)
field("plan.attrs.holds(node.first_attr", "relu", first_attr=HUGE)
SUITE.field(
    "kind == static_cast<uint32_t>(spec.attrs[i].kind)",
    "attr-of-node",
    lambda p: p.attr("cat", 0),
    kind=2,
)


@SUITE.edit("plan.nodes.count <= kMaxNodes")
def too_many_nodes(p: Sections) -> None:
    p.nodes += [p.nodes[-1]] * 65536


@SUITE.edit("operands <= kMaxOperands, operands")
def too_many_operands(p: Sections) -> None:
    """Nodes that share references name more than the file holds."""
    cat, inputs = p.node("cat"), 1 << 16
    value, out = p.operand("cat", 0).index, p.operand("cat", 2).index
    refs = p.ref(*[value] * inputs, out)
    vars(cat).update(inputs=inputs, refs=refs)
    p.nodes += [cat] * (MAX_OPERANDS // inputs)


@SUITE.edit("numbers <= kMaxOperands, numbers")
def too_many_numbers(p: Sections) -> None:
    count = 4096
    size = p.attr("full", 0)
    vars(size).update(count=count, refs=p.ref(*[p.refs[size.refs].index] * count))
    p.nodes += [p.node("full")] * (MAX_OPERANDS // count)


# --- operands ---


def operand(check: str, name: str, index: int, value: Callable[[Sections], int]) -> None:
    """A case that gives a node another operand, in references of its own."""

    def edit(p: Sections) -> None:
        node = p.node(name)
        operands = [p.operand(name, i).index for i in range(node.inputs + node.outputs)]
        operands[index] = value(p)
        node.refs = p.ref(*operands)

    SUITE.add(check, f"operand-{name}-{index}-{len(SUITE.cases)}", edit)


def operand_of(name: str, index: int) -> Callable[[Sections], int]:
    """The value that another node has there."""
    return lambda p: int(p.operand(name, index).index)


operand("!output && (spec.flags & kOptional) != 0", "linear", 0, lambda p: ABSENT)
operand("!output && (spec.flags & kOptional) != 0", "linear", 4, lambda p: ABSENT)
operand("value < checker.plan.values.count, value", "linear", 0, lambda p: len(p.values))
operand("(spec.dtypes & mask_of", "linear", 0, operand_of("cummax", 2))
operand("(spec.layouts & kPanel8)", "relu", 0, operand_of("linear", 1))
operand("(spec.layouts & kPanel8)", "relu", 1, operand_of("linear", 1))
operand(".kind != BufferKind::weight", "add", 2, operand_of("add", 1))

# --- outputs over other operands ---

IN_PLACE = "allowed && same_place"
operand(IN_PLACE, "linear", 4, operand_of("linear", 0))
operand(IN_PLACE, "add", 1, operand_of("add", 2))


@SUITE.edit(IN_PLACE)
def second_output_in_place(p: Sections) -> None:
    p.value("cummax", 2).buffer = p.value("cummax", 0).buffer


@SUITE.edit(".buffer != buffer, out")
def outputs_share(p: Sections) -> None:
    p.value("cummax", 2).buffer = p.value("cummax", 1).buffer


def elsewhere(name: str, changes: Callable[[Sections, SimpleNamespace], dict[str, Any]]) -> None:
    """A case whose in-place output is not at the place of its input."""

    def edit(p: Sections) -> None:
        value = p.value("relu", 1)
        vars(value).update(changes(p, value))

    SUITE.add(IN_PLACE, f"in-place-{name}", edit)


def _other_sizes(p: Sections, value: SimpleNamespace) -> dict[str, Any]:
    sizes = [p.refs[value.refs + i].index for i in range(4)]
    return {"refs": p.ref(*sizes[:3], sizes[2])}


elsewhere("dtype", lambda p, value: {"dtype": 7})
elsewhere("rank", lambda p, value: {"rank": 1})
elsewhere("offset", lambda p, value: {"offset": p.constant(0)})
elsewhere("sizes", _other_sizes)
