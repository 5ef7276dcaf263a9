"""A plan with a bit of everything, and plans taken apart so that tests can damage one field."""

from __future__ import annotations

import io
import struct
from types import SimpleNamespace
from typing import Any

import sympy
import torch
from torch.utils._sympy.functions import IntTrueDiv

from wasm_torch_web.control import marker
from wasm_torch_web.format.expressions import OPCODES
from wasm_torch_web.format.manifest import ABI
from wasm_torch_web.format.plan import MAGIC, RECORD_BYTES, SECTIONS, PlanWriter
from wasm_torch_web.format.weights import Segment
from wasm_torch_web.ir import Graph, Node, Origin, Port, Symbol, Value
from wasm_torch_web.ops import ROWS
from wasm_torch_web.passes.layout import choose_layouts

F32 = torch.float32
TENSOR, INT, FLOAT, BOOL = range(4)
WEIGHT, ARENA, STATE, PREPARED = range(4)
RECORDS = {
    "ops": ("<II", "name length"),
    "symbols": ("<qq6I", "min max definition program node output is_float zero"),
    "code": ("<Q", "word"),
    "exprs": ("<IIII", "first count is_float zero"),
    "buffers": ("<IIQQ", "kind owner offset bytes"),
    "values": (
        "<IBBBBIIIIII",
        "buffer dtype layout rank zero groups refs offset zero1 zero2 zero3",
    ),
    "refs": ("<I", "index"),
    "attrs": ("<IIII", "kind count refs zero"),
    "nodes": ("<8I", "op inputs outputs attrs refs first_attr control zero"),
    "programs": (
        "<12I",
        "name length first_node nodes inputs outputs first_io first_guard guards zero1 zero2 zero3",
    ),
    "io": ("<4I", "kind ref zero1 zero2"),
}


class Sections:
    """The records of a plan as objects with the fields of docs/format.md."""

    def __init__(self, plan: bytes) -> None:
        for index, name in enumerate(SECTIONS):
            offset, count = struct.unpack_from("<QQ", plan, 24 + 16 * index)
            content = plan[offset : offset + count * RECORD_BYTES[name]]
            if name == "strings":
                self.strings = bytearray(content)
                continue
            layout, fields = RECORDS[name]
            records = struct.iter_unpack(layout, content)
            setattr(
                self,
                name,
                [SimpleNamespace(**dict(zip(fields.split(), one, strict=True))) for one in records],
            )

    def pack(self) -> bytes:
        """The plan again."""
        offset = 24 + 16 * len(SECTIONS)
        table, body = b"", b""
        for name in SECTIONS:
            content = bytes(self.strings)
            if name != "strings":
                layout, _ = RECORDS[name]
                content = b"".join(
                    struct.pack(layout, *vars(one).values()) for one in getattr(self, name)
                )
            count = len(content) // RECORD_BYTES[name]
            table += struct.pack("<QQ", offset + len(body), count)
            body += content + b"\0" * (-len(content) % 8)
        return MAGIC + struct.pack("<IIQ", ABI, len(SECTIONS), offset + len(body)) + table + body

    # --- finding ---

    def op(self, name: str) -> int:
        """The index of an operator."""
        for index, op in enumerate(self.ops):
            if self.strings[op.name : op.name + op.length] == name.encode():
                return index
        raise KeyError(name)

    def node(self, name: str) -> Any:
        """The first node of that operator."""
        return next(node for node in self.nodes if node.op == self.op(name))

    def operand(self, name: str, index: int) -> Any:
        """The reference to an input (or, behind them, output) of that node."""
        return self.refs[self.node(name).refs + index]

    def value(self, name: str, index: int) -> Any:
        """The value of an operand."""
        return self.values[self.operand(name, index).index]

    def buffer(self, name: str, index: int) -> Any:
        """The buffer of an operand."""
        return self.buffers[self.value(name, index).buffer]

    def attr(self, name: str, index: int) -> Any:
        """An attribute of that node."""
        return self.attrs[self.node(name).first_attr + index]

    # --- adding ---

    def ref(self, *indices: int) -> int:
        """The place of new references."""
        self.refs += [SimpleNamespace(index=index) for index in indices]
        return len(self.refs) - len(indices)

    def expr(self, *words: bytes, is_float: int = 0) -> int:
        """The index of a new expression."""
        first = len(self.code)
        self.code += [SimpleNamespace(word=struct.unpack("<Q", word)[0]) for word in words]
        self.exprs.append(SimpleNamespace(first=first, count=len(words), is_float=is_float, zero=0))
        return len(self.exprs) - 1

    def constant(self, number: int) -> int:
        """The index of an int constant."""
        return self.expr(instruction("const"), struct.pack("<q", number))

    def divided_by_zero(self) -> int:
        """The index of an int expression that cannot be computed."""
        one, zero = struct.pack("<q", 1), struct.pack("<q", 0)
        const = instruction("const")
        return self.expr(const, one, const, zero, instruction("floordiv"))


def instruction(name: str, operand: int = 0, argument: int = 0, zero: int = 0) -> bytes:
    """One word of code."""
    return struct.pack("<BBHi", OPCODES[name], operand, zero, argument)


def sample() -> tuple[bytes, bytes]:
    """A plan of three programs and its weights.

    forward: x (rows, 4), n, flag, real. Packed weights, absent and variadic operands, two outputs,
    in-place work, a state, symbols, guards and outputs of every kind. other: y (3,) -> relu(y).
    prepare: two nodes; forward reads the second's output.
    """
    weights = io.BytesIO()
    writer = PlanWriter(Segment(weights))
    forward = _forward()
    writer.program("forward", forward)
    writer.program("other", _other())
    writer.program("prepare", Graph(nodes=forward.prepare))
    return writer.finish(), weights.getvalue()


def counting() -> tuple[bytes, bytes]:
    """A plan that counts its runs in a state, then looks its input up in a table of two rows."""
    graph, same = Graph(), {"compute": F32, "dtype": F32}
    indices = Value("indices", torch.int64, (2,), "input")
    ones = Value("ones", F32, (5,), "constant", torch.ones(5))
    table = Value("table", F32, (2, 3), "constant", torch.arange(6.0).reshape(2, 3))
    count = Value("count", F32, (5,), "state", torch.zeros(5))
    graph.inputs = [Port("indices", "tensor", indices)]
    (counted,) = emit(graph, "add", [count, ones], [(5,)], **same)
    (found,) = emit(graph, "embedding", [table, indices], [(2, 3)])
    graph.outputs = [Port("counted", "tensor", counted), Port("found", "tensor", found)]
    choose_layouts(graph)
    counted.storage = count
    weights = io.BytesIO()
    writer = PlanWriter(Segment(weights))
    writer.program("forward", graph)
    return writer.finish(), weights.getvalue()


def decided() -> tuple[bytes, bytes]:
    """A plan whose output is as long as the data decides: the absolute elements of x above 0."""
    graph, found = Graph(), sympy.Symbol("found", integer=True, positive=True)
    x = Value("x", F32, (6,), "input")
    graph.inputs = [Port("x", "tensor", x)]
    (positive,) = emit(graph, "relu", [x], [(6,)], compute=F32, dtype=F32)
    indices, count = emit(graph, "nonzero", [positive], [(6, 1), ()])
    indices.dtype = count.dtype = torch.int64
    (leading,) = emit(graph, "slice", [indices], [(found, 1)], dim=0, start=0, end=found, step=1)
    (column,) = emit(graph, "select", [leading], [(found,)], dim=1, index=0)
    leading.dtype = column.dtype = torch.int64
    (chosen,) = emit(graph, "index", [x, column], [(found,)], axes=[0])
    (result,) = emit(graph, "abs", [chosen], [(found,)], compute=F32, dtype=F32)
    graph.outputs = [Port("result", "tensor", result), Port("found", "int", found)]
    graph.symbols = [Symbol(found, "found", 0, 6, count, 6)]
    graph.guards = [sympy.Ne(found, 5)]
    choose_layouts(graph)
    weights = io.BytesIO()
    writer = PlanWriter(Segment(weights))
    writer.program("forward", graph)
    return writer.finish(), weights.getvalue()


def choosing() -> tuple[bytes, bytes]:
    """A plan of two programs. forward: of x (rows, 4), how many elements are not 0, or, if not
    `all`, above 0, counted by a sum of ones; the first may be no more than `most`. Comes out beside
    `most`, as a number that the data decides, and the sum of x @ ones. other: as in sample()."""
    names = ("rows", "nonzeros", "positives")
    rows, *counts = (sympy.Symbol(name, integer=True, positive=True) for name in names)
    level, graph = sympy.Symbol("level", real=True), Graph()
    x, most = Value("x", F32, (rows, 4), "input"), Value("most", torch.float64, (), "input")
    every, weight = Value("all", torch.bool, (), "input"), Value("w", F32, (1, 4), "constant")
    weight.data = torch.ones(1, 4)
    tensors = [Port(value.name, "tensor", value) for value in (x, most, every)]
    graph.inputs = [*tensors, Port("unused", "float")]
    limit = copy_to(graph, most, None)
    (product,) = emit(graph, "linear", [x, weight, None, None], [(rows, 1)])
    counted = Value("counted", F32, ())
    mark(graph, "choose", every)
    nonzeros = _count_into(graph, counts[0], x, counted)
    mark(graph, "otherwise")
    (positive,) = emit(graph, "relu", [x], [(rows, 4)], compute=F32, dtype=F32)
    positives = _count_into(graph, counts[1], positive, counted)
    mark(graph, "end")
    (total,) = emit(graph, "sum", [product], [()], dim=[0, 1])
    graph.symbols = [
        Symbol(rows, "rows", 1, 8),
        Symbol(level, "level", 0, 0, limit),
        Symbol(counts[0], "nonzeros", 0, 32, nonzeros, 4 * rows),
        Symbol(counts[1], "positives", 0, 32, positives, 4 * rows),
    ]
    graph.guards = [counts[0] <= level, rows < 8]
    found = [Port("counted", "tensor", counted), Port("total", "tensor", total)]
    graph.outputs = [*found, Port("level", "float", level)]
    counted.kind, counted.storage = "view", _memory(counted)
    choose_layouts(graph)
    weights = io.BytesIO()
    writer = PlanWriter(Segment(weights))
    writer.program("forward", graph)
    writer.program("other", _other())
    return writer.finish(), weights.getvalue()


def _count_into(graph: Graph, size: sympy.Symbol, x: Value, place: Value) -> Value:
    """How many elements are not 0: a value that decides `size`; as a float in `place`, too."""
    most = x.shape[0] * x.shape[1]
    indices, count = emit(graph, "nonzero", [x], [(most, 2), ()])
    indices.dtype = count.dtype = torch.int64
    (ones,) = emit(graph, "full", [], [(size,)], size=[size], value=1.0, dtype=F32)
    (total,) = emit(graph, "sum", [ones], [()], dim=[0])
    copy_to(graph, total, place)
    return count


def flowing() -> tuple[bytes, bytes]:
    """A plan with a choice in a loop: while n > 0, n goes down by 1, and x becomes x + x where n is
    then above 1, else |x|."""
    graph, whole = Graph(), {"compute": torch.int64, "dtype": torch.int64}
    n, x = Value("n", torch.int64, (), "input"), Value("x", F32, (3,), "input")
    one = Value("one", torch.int64, (), "constant", torch.tensor(1))
    graph.inputs = [Port("n", "tensor", n), Port("x", "tensor", x)]
    count, carried = copy_to(graph, n, None), copy_to(graph, x, None)
    mark(graph, "repeat")
    mark(graph, "test", _above(graph, count, 0))
    (less,) = emit(graph, "sub", [count, one], [()], **whole)
    less.dtype = torch.int64
    copy_to(graph, less, count)
    chosen = Value("chosen", F32, (3,))
    mark(graph, "choose", _above(graph, less, 1))
    (twice,) = emit(graph, "add", [carried, carried], [(3,)], compute=F32, dtype=F32)
    copy_to(graph, twice, chosen)
    mark(graph, "otherwise")
    (absolute,) = emit(graph, "abs", [carried], [(3,)], compute=F32, dtype=F32)
    copy_to(graph, absolute, chosen)
    mark(graph, "end")
    copy_to(graph, chosen, carried)
    mark(graph, "end")
    graph.outputs = [Port("count", "tensor", count), Port("x", "tensor", carried)]
    chosen.kind, chosen.strides, chosen.storage = "view", (1,), _memory(chosen)
    choose_layouts(graph)
    weights = io.BytesIO()
    writer = PlanWriter(Segment(weights))
    writer.program("forward", graph)
    return writer.finish(), weights.getvalue()


def _memory(value: Value) -> Value:
    """Memory for it, which several nodes write."""
    memory = Value(f"{value.name}__memory", value.dtype, value.shape, strides=value.strides)
    memory.storage = memory
    return memory


def _above(graph: Graph, value: Value, limit: int) -> Value:
    """Whether a 0-d int is larger."""
    number = Value(f"limit{limit}", torch.int64, (), "constant", torch.tensor(limit))
    (holds,) = emit(graph, "gt", [value, number], [()], compute=torch.int64, dtype=torch.bool)
    holds.dtype = torch.bool
    return holds


def copy_to(graph: Graph, value: Value, place: Value | None) -> Value:
    """A copy of the value, in memory of its own or where another lies."""
    (copied,) = emit(graph, "copy", [value], [value.shape])
    copied.dtype, copied.storage = value.dtype, place
    return copied


def mark(graph: Graph, name: str, *inputs: Value) -> None:
    graph.nodes.append(marker(name, Origin(), *inputs))


def emit(
    graph: Graph, name: str, inputs: list[Value | None], shapes: list[Any], **attributes: Any
) -> list[Value]:
    """Appends a node of float32 outputs; gives them."""
    row = ROWS[name]
    attributes = {a.name: attributes.get(a.name, a.default) for a in row.attributes}
    outputs = [Value(f"{name}{i}", F32, tuple(shape)) for i, shape in enumerate(shapes)]
    node = Node(row, inputs, attributes, outputs)
    for output in outputs:
        output.producer = node
    graph.nodes.append(node)
    return outputs


def _forward() -> Graph:
    rows, n = sympy.Symbol("rows", integer=True, positive=True), sympy.Symbol("n", integer=True)
    same = {"compute": F32, "dtype": F32}
    graph = Graph(symbols=[Symbol(rows, "rows", 1, 8), Symbol(n, "n", 0, 100)])
    x = Value("x", F32, (rows, 4), "input")
    weight = Value("weight", F32, (5, 4), "constant", torch.arange(20.0).reshape(5, 4) - 9)
    ones = Value("ones", F32, (5,), "constant", torch.ones(5))
    count = Value("count", F32, (5,), "state", torch.arange(5.0))
    graph.inputs = [
        Port("x", "tensor", x),
        Port("n", "int", n),
        Port("flag", "bool"),
        Port("real", "float"),
    ]
    (h,) = emit(graph, "linear", [x, weight, None, None], [(rows, 5)])
    (r,) = emit(graph, "relu", [h], [(rows, 5)], **same)
    (c,) = emit(graph, "cat", [r, r], [(2 * rows, 5)], dim=0)
    values, indices = emit(graph, "cummax", [c], [(2 * rows, 5)] * 2, dim=0)
    indices.dtype = torch.int64
    (z,) = emit(graph, "full", [], [(rows,)], size=[rows], value=2.5, dtype=F32)
    (counted,) = emit(graph, "add", [count, ones], [(5,)], **same)
    (negated,) = emit(graph, "neg", [_prepared(graph)], [(3,)], **same)
    tensors = {"c": c, "values": values, "indices": indices, "z": z, "counted": counted}
    graph.outputs = [Port(name, "tensor", value) for name, value in tensors.items()]
    graph.outputs += [
        Port("twice", "int", 2 * rows),
        Port("half", "float", IntTrueDiv(rows, 2)),
        Port("many", "bool", rows > 4),
        Port("negated", "tensor", negated),
    ]
    graph.guards = [n <= 50]
    choose_layouts(graph)
    r.storage, counted.storage = h, count
    return graph


def _prepared(graph: Graph) -> Value:
    """The square roots of absolute numbers, computed at load."""
    raw = Value("raw", F32, (3,), "constant", torch.tensor([-1.0, 4.0, -9.0]))
    aside = Graph()
    (absolute,) = emit(aside, "abs", [raw], [(3,)], compute=F32, dtype=F32)
    (root,) = emit(aside, "sqrt", [absolute], [(3,)], compute=F32, dtype=F32)
    absolute.kind = root.kind = "prepared"
    graph.prepare = aside.nodes
    return root


def _other() -> Graph:
    graph = Graph()
    y = Value("y", F32, (3,), "input")
    graph.inputs = [Port("y", "tensor", y)]
    (out,) = emit(graph, "relu", [y], [(3,)], compute=F32, dtype=F32)
    graph.outputs = [Port("out", "tensor", out)]
    choose_layouts(graph)
    return graph
