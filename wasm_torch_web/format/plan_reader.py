"""plan.bin in, what it says about memory out; for tools (C++ alone validates and runs plans)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wasm_torch_web.format.expressions import OPCODES
from wasm_torch_web.format.plan import ABSENT, RECORD_BYTES, SECTIONS

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
    "pow": lambda a, b: int(a**b),
}
_ARENA, _STATE = 1, 2


@dataclass(frozen=True)
class Memory:
    """Bytes of a run: all intermediate buffers, the most that live at once and at which node."""

    buffers: int
    total: int
    peak: int
    peak_node: int
    state: int


class PlanReader:
    """The sections of a plan as records; `symbols` are the sizes to evaluate expressions with."""

    def __init__(self, data: bytes, symbols: Sequence[int]) -> None:
        self.symbols = symbols
        table = struct.iter_unpack("<QQ", data[24 : 24 + 16 * len(SECTIONS)])
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
                stack.append(_BINARY[name](stack.pop(), right))
            else:
                return None
        return stack.pop()

    def memory(self) -> Memory:
        """Lifetimes of the buffers from their first to their last node, and what they add up to."""
        sizes = {
            index: self.evaluate(size) or 0
            for index, (kind, _, _, size) in enumerate(self.buffers)
            if kind in (_ARENA, _STATE)
        }
        state = sum(size for i, size in sizes.items() if self.buffers[i][0] == _STATE)
        arena = {i: size for i, size in sizes.items() if self.buffers[i][0] == _ARENA}
        live = [0] * (len(self.nodes) + 1)
        for buffer, (first, last) in self._lifetimes().items():
            for node in range(first, last + 1):
                live[node] += arena.get(buffer, 0)
        peak = max(live, default=0)
        return Memory(len(arena), sum(arena.values()), peak, live.index(peak), state)

    def _lifetimes(self) -> dict[int, tuple[int, int]]:
        """Buffer -> first and last node; inputs live from the start, results to the end."""
        spans: dict[int, tuple[int, int]] = {}
        for node, (_, inputs, outputs, _, first, *_) in enumerate(self.nodes):
            for value in self.refs[first : first + inputs + outputs]:
                if value != ABSENT:
                    buffer = self.value_buffers[value]
                    spans[buffer] = (spans.get(buffer, (node, node))[0], node)
        for program in struct.iter_unpack("<12I", self.sections["programs"]):
            first_node, nodes, inputs, outputs, first_io = program[2:7]
            for port in range(first_io, first_io + inputs + outputs):
                kind, value = struct.unpack_from("<II", self.sections["io"], 16 * port)
                if kind == 0:
                    buffer = self.value_buffers[value]
                    first, last = spans.get(buffer, (first_node, first_node))
                    is_input = port < first_io + inputs
                    spans[buffer] = (first_node, last) if is_input else (first, first_node + nodes)
        return spans
