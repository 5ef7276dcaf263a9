"""The graph between capture and plan: values, nodes, and what holds of them.

Sizes are `int` or sympy expressions in torch.export's own symbols; the public names of symbols
live in `Graph.symbols` and are used only when files are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy
import torch

from wasm_torch_web.errors import InternalError
from wasm_torch_web.ops import Row
from wasm_torch_web.ops.table import dtype_name
from wasm_torch_web.strides import Size, equal, product

Dim = Size
COMPUTED = ("prepared", "node")  # kinds of values that a node makes


def simplify(size: Dim) -> Dim:
    """An int where the expression is one."""
    if isinstance(size, int):
        return size
    size = sympy.sympify(size)
    return int(size) if size.is_Integer else size


def same_shape(a: Iterable[Dim], b: Iterable[Dim]) -> bool:
    """Whether two shapes have the same rank and equal sizes."""
    a, b = tuple(a), tuple(b)
    return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))


@dataclass(frozen=True)
class Origin:
    """Where a node comes from in the user's model, for messages and `inspect`."""

    name: str = ""
    module: str = ""
    source: str = ""

    def __str__(self) -> str:
        return " at ".join(part for part in (self.module or self.name, self.source) if part)


@dataclass(eq=False)
class Value:
    """A tensor of the graph.

    Attributes:
        kind: `input`, `constant`, `prepared` (made of constants at load), `state` or `node`.
        data: the contents of a constant, or the initial contents of a state.
        fake: the fake tensor that shape inference continues from.
        strides, offset, storage: set by the layout pass; `storage` is the value whose memory this
            one is a view of (itself where it is no view).
        groups: of a constant that is packed as panel8; 0 where it is not.
    """

    name: str
    dtype: torch.dtype
    shape: tuple[Dim, ...]
    kind: str = "node"
    data: torch.Tensor | None = None
    fake: Any = None
    producer: Node | None = None
    strides: tuple[Dim, ...] = ()
    offset: Dim = 0
    storage: Value | None = None
    groups: int = 0

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def is_constant(self) -> bool:
        """Whether the contents are known now."""
        return self.kind == "constant"

    @property
    def numel(self) -> Dim:
        """The number of elements."""
        return simplify(product(self.shape))

    def __repr__(self) -> str:
        sizes = ", ".join(str(size) for size in self.shape)
        return f"{self.name}: {dtype_name(self.dtype)}[{sizes}]"


def root(value: Value) -> Value:
    """The value that owns the memory, once the layout pass has decided."""
    while value.storage is not None and value.storage is not value:
        value = value.storage
    return value


@dataclass(eq=False)
class Node:
    """One operator: `row` applied to `inputs` (None for an absent optional operand)."""

    row: Row
    inputs: list[Value | None]
    attributes: dict[str, Any]
    outputs: list[Value]
    origin: Origin = Origin()

    @property
    def output(self) -> Value:
        """The first output."""
        return self.outputs[0]

    def __repr__(self) -> str:
        inputs = ", ".join("-" if value is None else value.name for value in self.inputs)
        return f"{self.outputs} = {self.row.name}({inputs}, {self.attributes})"


@dataclass
class Symbol:
    """A size (or number) that the inputs decide; with `value`, that this value's contents decide.

    `value` is 0-d, int64 or float64. `bound` is the most that a decided size can be, over symbols
    that the inputs decide; None where nothing says that.
    """

    symbol: sympy.Symbol
    name: str
    min: int
    max: int
    value: Value | None = None
    bound: Dim | None = None


@dataclass
class Port:
    """A named input or output of a program.

    `kind` is `tensor`, `int`, `float` or `bool`. `value` is the graph's value of a tensor, the
    expression of a number that depends on sizes, or the number itself (`constant`). `drawn` outputs
    follow from random numbers.
    """

    name: str
    kind: str
    value: Any = None
    constant: bool = False
    range: tuple[int, int] | None = None
    drawn: bool = False


@dataclass
class Graph:
    """One program: nodes in execution order over inputs, constants, prepared values and state."""

    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    # What runs once, when the model is loaded: from constants to prepared values.
    prepare: list[Node] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    symbols: list[Symbol] = field(default_factory=list)
    guards: list[sympy.Basic] = field(default_factory=list)
    # New contents of a state, to be stored when the run ends: (state, value).
    updates: list[tuple[Value, Value]] = field(default_factory=list)

    def results(self) -> list[Value]:
        """Values that the run must leave behind: outputs, decided sizes, new contents of states."""
        outputs = [port.value for port in self.outputs if isinstance(port.value, Value)]
        return [*outputs, *self.decisive(), *(value for _, value in self.updates)]

    def decisive(self) -> list[Value]:
        """The values whose contents decide sizes."""
        return [symbol.value for symbol in self.symbols if symbol.value is not None]

    def values(self) -> Iterator[Value]:
        """Every value once: inputs, then as nodes mention them."""
        seen: set[Value] = set()
        for value in self._mentions():
            if value not in seen:
                seen.add(value)
                yield value

    def _mentions(self) -> Iterator[Value]:
        for port in self.inputs:
            if isinstance(port.value, Value):
                yield port.value
        for node in (*self.prepare, *self.nodes):
            yield from (value for value in node.inputs if value is not None)
            yield from node.outputs
        for port in self.outputs:
            if isinstance(port.value, Value):
                yield port.value
        for state, value in self.updates:
            yield from (state, value)

    def replace(self, new: Mapping[Value, Value]) -> None:
        """Makes every reader of a key of `new` read its value."""
        for node in self.nodes:
            node.inputs = [None if v is None else new.get(v, v) for v in node.inputs]
        for port in self.outputs:
            if isinstance(port.value, Value):
                port.value = new.get(port.value, port.value)
        for symbol in self.symbols:
            if symbol.value is not None:
                symbol.value = new.get(symbol.value, symbol.value)
        self.updates = [(state, new.get(value, value)) for state, value in self.updates]

    def substitute(self, symbols: dict[sympy.Symbol, sympy.Symbol]) -> None:
        """Replaces symbols by others in every size and attribute."""
        if not symbols:
            return

        def new(item: Any) -> Any:
            if isinstance(item, (list, tuple)):
                return type(item)(new(one) for one in item)
            return item.xreplace(symbols) if isinstance(item, sympy.Basic) else item

        for value in self.values():
            value.shape = new(value.shape)
        for node in self.nodes:
            node.attributes = {name: new(item) for name, item in node.attributes.items()}
        for port in self.outputs:
            port.value = new(port.value)
        for symbol in self.symbols:
            symbol.bound = new(symbol.bound)

    def verify(self, after: str) -> None:
        """Checks that every value is defined before it is read; names the pass that broke it."""
        defined = {port.value for port in self.inputs if isinstance(port.value, Value)}
        for node in (*self.prepare, *self.nodes):
            for value in node.inputs:
                if value is not None and value.kind in COMPUTED and value not in defined:
                    raise InternalError("internal", reason=f"{after}: {node} reads {value}")
            for value in node.outputs:
                if value.producer is not node or value in defined:
                    raise InternalError("internal", reason=f"{after}: {value} has two producers")
                defined.add(value)
            self._verify_arity(node, after)
        for value in self.results():
            if value.kind in COMPUTED and value not in defined:
                raise InternalError("internal", reason=f"{after}: result {value} is not computed")

    @staticmethod
    def _verify_arity(node: Node, after: str) -> None:
        row = node.row
        variadic = bool(row.inputs) and row.inputs[-1].variadic
        fits = (
            len(node.inputs) >= len(row.inputs) if variadic else len(node.inputs) == len(row.inputs)
        )
        names = {attribute.name for attribute in row.attributes}
        if not fits or names != set(node.attributes):
            raise InternalError("internal", reason=f"{after}: {node} does not fit its row")
