"""plan.bin and the parts of model.json that describe the same graph: `Graph` in, bytes out.

The layout is `docs/format.md`; `csrc/core/plan.h` has the same records.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any

import sympy
import torch

from wasm_torch_web.control import CONTROL
from wasm_torch_web.decided import decided, upper
from wasm_torch_web.errors import InternalError
from wasm_torch_web.format.expressions import Code, Encoder
from wasm_torch_web.format.manifest import ABI
from wasm_torch_web.format.weights import Segment
from wasm_torch_web.ir import Dim, Graph, Node, Port, Symbol, Value, root, simplify
from wasm_torch_web.ops import DTYPES, Attribute
from wasm_torch_web.ops.table import ATTRIBUTE_KINDS
from wasm_torch_web.strides import product

MAGIC = b"WTWPLAN\0"
ABSENT = 0xFFFFFFFF
SECTIONS = [
    "strings",
    "ops",
    "symbols",
    "code",
    "exprs",
    "buffers",
    "values",
    "refs",
    "attrs",
    "nodes",
    "programs",
    "io",
]
HEADER_BYTES = 24
RECORD_BYTES = dict(zip(SECTIONS, (1, 8, 40, 8, 16, 24, 32, 4, 16, 32, 48, 16), strict=True))
BUFFER_KINDS = {"constant": 0, "node": 1, "input": 1, "state": 2, "prepared": 3}
IO_KINDS = {"tensor": 0, "int": 1, "float": 2, "bool": 3}


class PlanWriter:
    """Collects the sections of a plan; `weights` receives the constants in execution order."""

    def __init__(self, weights: Segment) -> None:
        self.weights = weights
        self.sections: dict[str, list[bytes]] = {name: [] for name in SECTIONS}
        self.strings: dict[str, tuple[int, int]] = {}
        self.string_bytes = 0
        self.ops: dict[str, int] = {}
        self.symbols: dict[sympy.Symbol, int] = {}
        self.decided: dict[Any, Symbol] = {}
        self.exprs: dict[Any, int] = {}
        self.code_words = 0
        self.buffers: dict[Any, int] = {}
        self.values: dict[Value, int] = {}
        self.ref_lists: dict[tuple[int, ...], int] = {}
        self.refs: list[int] = []
        self.encoder = Encoder(self.symbols)

    # --- the file ---

    def finish(self) -> bytes:
        """The finished file."""
        self.sections["refs"] = [struct.pack(f"<{len(self.refs)}I", *self.refs)]
        blobs = [b"".join(self.sections[name]) for name in SECTIONS]
        offset = HEADER_BYTES + 16 * len(SECTIONS)
        table, body = b"", b""
        for name, blob in zip(SECTIONS, blobs, strict=True):
            table += struct.pack("<QQ", offset + len(body), len(blob) // RECORD_BYTES[name])
            body += blob + b"\0" * (-len(blob) % 8)
        header = MAGIC + struct.pack("<IIQ", ABI, len(SECTIONS), offset + len(body))
        return header + table + body

    def _append(self, section: str, record: bytes) -> int:
        if len(record) % RECORD_BYTES[section]:
            raise InternalError("internal", reason=f"a record of {section} has {len(record)} bytes")
        self.sections[section].append(record)
        return len(self.sections[section]) - 1

    # --- leaves ---

    def string(self, text: str) -> tuple[int, int]:
        if text not in self.strings:
            raw = text.encode()
            self.sections["strings"].append(raw)
            self.strings[text] = (self.string_bytes, len(raw))
            self.string_bytes += len(raw)
        return self.strings[text]

    def expr(self, expr: Any, is_float: bool = False, definition: bool = False) -> int:
        """The index of an expression; equal ones are stored once."""
        key = (str(expr) if isinstance(expr, float) else expr, is_float, definition)
        if key not in self.exprs:
            self.exprs[key] = self._expr(self.encoder.encode(expr, is_float), is_float)
        return self.exprs[key]

    def _expr(self, words: list[bytes], is_float: bool) -> int:
        record = struct.pack("<IIII", self.code_words, len(words), int(is_float), 0)
        self.sections["code"].extend(words)
        self.code_words += len(words)
        return self._append("exprs", record)

    def ref_list(self, indices: Iterable[int]) -> int:
        """The place in `refs` of these indices in a row."""
        key = tuple(indices)
        if key not in self.ref_lists:
            self.ref_lists[key] = len(self.refs)
            self.refs.extend(key)
        return self.ref_lists[key]

    # --- buffers and values ---

    def buffer(self, owner: Value, program: int) -> int:
        if owner in self.buffers:
            return self.buffers[owner]
        if owner.kind == "constant":
            return self._weight_buffer(owner)
        numel = product([upper(size, self.decided) for size in owner.shape])
        size, belongs_to = simplify(numel * owner.dtype.itemsize), program
        if owner.kind == "prepared":
            belongs_to = 0
        else:
            size = self.expr(size)
        if owner.kind == "state":
            belongs_to = self._weight_buffer(owner, initial=True) + 1
        record = struct.pack("<IIQQ", BUFFER_KINDS[owner.kind], belongs_to, 0, size)
        self.buffers[owner] = self._append("buffers", record)
        return self.buffers[owner]

    def _weight_buffer(self, owner: Value, initial: bool = False) -> int:
        offset, size = self.weights.add(owner)
        key = ("weight", offset, size)  # an empty one lies where the next one does
        if key not in self.buffers:
            self.buffers[key] = self._append("buffers", struct.pack("<IIQQ", 0, 0, offset, size))
        if not initial:
            self.buffers[owner] = self.buffers[key]
        return self.buffers[key]

    def value(self, value: Value, program: int) -> int:
        if value not in self.values:
            buffer = self.buffer(root(value), program)
            strides: Sequence[Dim] = [0] * value.rank if value.groups else value.strides
            refs = self.ref_list([self.expr(simplify(size)) for size in (*value.shape, *strides)])
            layout = 1 if value.groups else 0
            record = struct.pack(
                "<IBBBBIIIIII",
                buffer,
                DTYPES[value.dtype],
                layout,
                value.rank,
                0,
                value.groups,
                refs,
                self.expr(simplify(value.offset)),
                0,
                0,
                0,
            )
            self.values[value] = self._append("values", record)
        return self.values[value]

    # --- nodes ---

    def op(self, name: str) -> int:
        if name not in self.ops:
            self.ops[name] = self._append("ops", struct.pack("<II", *self.string(name)))
        return self.ops[name]

    def attribute(self, spec: Attribute, item: Any) -> None:
        items = item if spec.kind in ("ints", "floats") else [item]
        is_float = spec.kind in ("float", "floats")
        refs = self.ref_list([self.expr(_number(spec, one), is_float) for one in items])
        record = struct.pack("<IIII", ATTRIBUTE_KINDS.index(spec.kind), len(items), refs, 0)
        self._append("attrs", record)

    def node(self, node: Node, program: int) -> None:
        first_attr = len(self.sections["attrs"])
        inputs = [ABSENT if v is None else self.value(v, program) for v in node.inputs]
        outputs = [self.value(v, program) for v in node.outputs]
        for spec in node.row.attributes:
            self.attribute(spec, node.attributes[spec.name])
        counts = (len(inputs), len(outputs), len(node.row.attributes))
        refs = self.ref_list(inputs + outputs)
        control = CONTROL.get(node.row.name, 0)
        op = ABSENT if control else self.op(node.row.name)
        record = struct.pack("<8I", op, *counts, refs, first_attr, control, 0)
        self._append("nodes", record)

    # --- programs ---

    def program(self, name: str, graph: Graph) -> None:
        """Adds a program: its symbols, nodes, inputs and outputs."""
        index = len(self.sections["programs"])
        self.decided = decided(graph)
        self._symbols(graph, index)
        first_node = len(self.sections["nodes"])
        inputs = [self._io(port, index, True) for port in graph.inputs]
        for node in graph.nodes:
            self.node(node, index)
        outputs = [self._io(port, index, False) for port in graph.outputs if not port.constant]
        guards = self.ref_list([self.expr(guard) for guard in graph.guards])
        first_io = len(self.sections["io"])
        for record in inputs + outputs:
            self._append("io", record)
        counts = (len(graph.nodes), len(inputs), len(outputs))
        record = struct.pack(
            "<12I",
            *self.string(name),
            first_node,
            *counts,
            first_io,
            guards,
            len(graph.guards),
            0,
            0,
            0,
        )
        self._append("programs", record)

    def _io(self, port: Port, program: int, is_input: bool) -> bytes:
        ref = 0
        if port.kind == "tensor":
            ref = self.value(port.value, program)
        elif not is_input:
            ref = self.expr(port.value, port.kind == "float")
        return struct.pack("<IIII", IO_KINDS[port.kind], ref, 0, 0)

    def _symbols(self, graph: Graph, program: int) -> None:
        for symbol in graph.symbols:
            definition, node, output, is_float = ABSENT, ABSENT, 0, 0
            if symbol.value is None:
                words = _definition(symbol.symbol, graph, self.encoder)
                definition = self._expr(words, False)
            else:
                producer = symbol.value.producer
                assert producer is not None  # data decides in a run
                node = len(self.sections["nodes"]) + graph.nodes.index(producer)
                output = producer.outputs.index(symbol.value)
                is_float = int(symbol.value.dtype == torch.float64)
            self.symbols[symbol.symbol] = len(self.sections["symbols"])
            sizes = (definition, program, node, output, is_float, 0)
            self._append("symbols", struct.pack("<qq6I", symbol.min, symbol.max, *sizes))


def _number(spec: Attribute, item: Any) -> Any:
    if spec.kind == "enum":
        return spec.choices.index(item)
    if spec.kind == "dtype":
        return DTYPES[item]
    if spec.kind in ("float", "floats"):
        return item if isinstance(item, sympy.Basic) else float(item)
    return int(item) if isinstance(item, bool) else item


def _definition(symbol: sympy.Symbol, graph: Graph, encoder: Encoder) -> list[bytes]:
    """The program that computes a symbol from the inputs: a size, a number, or solved from one.

    A size `a * symbol + b` gives `(size - b) // a`; the declared shapes are checked afterwards.
    """
    for index, port in enumerate(graph.inputs):
        if port.kind != "tensor" and port.value == symbol:
            code = Code()
            code.op("scalar", 0, index)
            return code.words
    sizes = [
        (index, axis, size)
        for index, port in enumerate(graph.inputs)
        if isinstance(port.value, Value)
        for axis, size in enumerate(port.value.shape)
        if isinstance(size, sympy.Basic)
    ]
    for index, axis, size in sorted(sizes, key=lambda entry: entry[2] != symbol):
        factor, rest = sympy.Integer(0), size
        if size.free_symbols == {symbol}:
            factor = size.coeff(symbol, 1)
            rest = sympy.expand(size - factor * symbol)
        if factor.is_Integer and factor > 0 and rest.is_Integer:
            code = Code()
            code.op("dim", axis, index)
            code.integer(int(rest))
            code.op("sub")
            code.integer(int(factor))
            code.op("floordiv")
            return code.words
    raise InternalError("internal", reason=f"no input decides the size {symbol}")
