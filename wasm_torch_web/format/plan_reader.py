"""plan.bin in, what it says about memory out; for tools (C++ alone validates and runs plans).

A plan that nobody has validated may say anything: a reader raises one of DAMAGED, in bounded time.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from wasm_torch_web.control import CONTROL
from wasm_torch_web.format.expressions import OPCODES
from wasm_torch_web.format.plan import ABSENT, HEADER_BYTES, RECORD_BYTES, SECTIONS

_NAMES = {number: name for name, number in OPCODES.items()}
_BINARY: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "floordiv": lambda a, b: a // b,
    "mod": lambda a, b: a % b,
    "min": min,
    "max": max,
    "eq": lambda a, b: int(a == b),
    "ne": lambda a, b: int(a != b),
    "lt": lambda a, b: int(a < b),
    "le": lambda a, b: int(a <= b),
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "pow": lambda a, b: int(a ** min(b, 64)),  # more is too much of all but -1, 0 and 1
}
DAMAGED = (struct.error, LookupError, ArithmeticError, ValueError)
_MOST = 1 << 63  # of what C++ computes with
_MOST_OPERANDS = 1 << 24  # of all nodes
_ARENA, _STATE = 1, 2
_LINE = 64  # bytes, of which every buffer in the arena takes whole ones


@dataclass(frozen=True)
class Memory:
    """Bytes of a run: all intermediate buffers, the most that live at once and at which node.

    Node -1 is the start, where there are the inputs alone, the number of nodes is the end.
    """

    buffers: int
    total: int
    peak: int
    peak_node: int
    state: int


class PlanReader:
    """The sections of a plan as records; `symbols` are the sizes to evaluate expressions with."""

    def __init__(self, data: bytes, symbols: Sequence[int]) -> None:
        self.symbols = symbols
        table = struct.iter_unpack("<QQ", data[HEADER_BYTES : HEADER_BYTES + 16 * len(SECTIONS)])
        self.sections = {
            name: data[offset : offset + count * RECORD_BYTES[name]]
            for name, (offset, count) in zip(SECTIONS, table, strict=True)
        }
        self.refs = [ref for (ref,) in struct.iter_unpack("<I", self.sections["refs"])]
        self.buffers = list(struct.iter_unpack("<IIQQ", self.sections["buffers"]))
        self.nodes = list(struct.iter_unpack("<8I", self.sections["nodes"]))
        self.value_buffers = [
            value[0] for value in struct.iter_unpack("<I28x", self.sections["values"])
        ]

    def evaluate(self, expr: int) -> int | None:
        """The value of an int expression; None where it needs floats or reads the inputs."""
        first, count, _, _ = struct.unpack_from("<4I", self.sections["exprs"], 16 * expr)
        words = self.sections["code"][8 * first : 8 * (first + count)]
        stack: list[int] = []
        place = 0
        while place < len(words):
            opcode, _, _, argument = struct.unpack_from("<BBHi", words, place)
            place += 8
            name = _NAMES[opcode]
            if name == "const":
                stack.append(struct.unpack_from("<q", words, place)[0])
                place += 8
            elif name == "sym":
                stack.append(self.symbols[argument])
            elif name in _BINARY:
                right = stack.pop()
                result = _BINARY[name](stack.pop(), right)
                if abs(result) > _MOST:
                    raise OverflowError(name)
                stack.append(result)
            else:
                return None
        return stack.pop()

    def memory(self) -> Memory:
        """What lives in a run of the first program, as csrc/core/binding_memory.cc plans it.

        Scratch memory of kernels is not in the plan.
        """
        arena, state = self._bytes(_ARENA, _LINE), self._bytes(_STATE)
        spans = self._lifetimes()
        # From node -1 on.
        changes = [0] * (max((last for _, last in spans.values()), default=-1) + 3)
        for buffer, (first, last) in spans.items():
            changes[first + 1] += arena.get(buffer, 0)
            changes[last + 2] -= arena.get(buffer, 0)
        live = [*itertools.accumulate(changes[:-1])]
        peak = max(live)
        total = sum(arena.values())
        return Memory(len(arena), total, peak, live.index(peak) - 1, sum(state.values()))

    def _bytes(self, kind: int, unit: int = 1) -> dict[int, int]:
        """Buffer -> bytes, in whole units, of those of a kind."""
        found = {
            index: -(-(self.evaluate(size) or 0) // unit) * unit
            for index, (one, _, _, size) in enumerate(self.buffers)
            if one == kind
        }
        if min(found.values(), default=0) < 0:
            raise ValueError("a buffer has a negative size")
        return found

    def _lifetimes(self) -> dict[int, tuple[int, int]]:
        """Buffer -> first and last node; one that is live at a loop's border is so in all of it."""
        spans: dict[int, tuple[int, int]] = {}
        for node, buffer in self._uses():
            spans[buffer] = (spans.get(buffer, (node, node))[0], node)
        for begin, end in self._loops():
            for buffer, (first, last) in spans.items():
                if first < begin <= last or first <= end < last:
                    spans[buffer] = (min(first, begin), max(last, end))
        return spans

    def _uses(self) -> Iterator[tuple[int, int]]:
        """(node, buffer), in order: inputs live from before the first node, outputs to the end."""
        program = struct.unpack_from("<12I", self.sections["programs"])
        first_node, nodes, inputs, outputs, first_io = program[2:7]
        ports = [*struct.iter_unpack("<II8x", self.sections["io"])][first_io:]
        yield from self._tensors(-1, ports[:inputs])
        operands = sum(record[1] + record[2] for record in self.nodes)
        if first_node + nodes > len(self.nodes) or operands > _MOST_OPERANDS:
            raise ValueError("more nodes or operands than there are")
        for node, record in enumerate(self.nodes[first_node : first_node + nodes]):
            _, operands, results, _, first, *_ = record
            for value in self.refs[first : first + operands + results]:
                if value != ABSENT:
                    yield node, self.value_buffers[value]
        yield from self._tensors(nodes, ports[inputs : inputs + outputs])

    def _tensors(self, node: int, ports: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        return ((node, self.value_buffers[value]) for kind, value in ports if kind == 0)

    def _loops(self) -> Iterator[tuple[int, int]]:
        """First and last node of each, those inside others first."""
        begun: list[int] = []  # loops and choices
        for node, (*_, control, _) in enumerate(self.nodes):
            if control in (CONTROL["choose"], CONTROL["repeat"]):
                begun.append(node)
            elif control == CONTROL["end"]:
                begin = begun.pop()
                if self.nodes[begin][6] == CONTROL["repeat"]:
                    yield begin, node
