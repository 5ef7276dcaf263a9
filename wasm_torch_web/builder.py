"""What lowerings use to make nodes: values in, nodes appended to a graph, shapes inferred.

Shapes and dtypes come from running the row's `reference` on fake tensors, so that a row states
its meaning once.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import sympy
import torch
from torch._dispatch.python import enable_python_dispatcher
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import DimDynamic
from torch.utils._sympy.symbol import SymT, symbol_is_type

from wasm_torch_web.axes import LARGEST
from wasm_torch_web.errors import InternalError
from wasm_torch_web.format.weights import raw
from wasm_torch_web.ir import Dim, Graph, Node, Origin, Symbol, Value, simplify
from wasm_torch_web.ops import LOWERINGS, ROWS, Operand, Row
from wasm_torch_web.ops.table import COMPLEX_LOWERINGS, Unsupported, dtype_name, is_complex
from wasm_torch_web.strides import contiguous_strides


def expression(size: Any) -> Any:
    """A SymInt, SymFloat or SymBool as an int or sympy expression; other things unchanged."""
    if isinstance(size, (torch.SymInt, torch.SymFloat, torch.SymBool)):
        expr = size.node.expr
        if isinstance(size, torch.SymInt):
            return simplify(expr)
        return float(expr) if expr.is_number and isinstance(size, torch.SymFloat) else expr
    return size


EXACT = 2**53 - 1  # the largest whole number that JSON and JavaScript hold exactly


def _is_unbacked(size: Any) -> bool:
    """Whether the size is a symbol that torch.export made for something that data decides."""
    kinds = (SymT.UNBACKED_INT, SymT.UNBACKED_FLOAT)
    return isinstance(size, sympy.Symbol) and bool(symbol_is_type(size, kinds))


def _require_dtype(row: Row, spec: Operand, value: Any) -> None:
    if value is not None and value.dtype not in spec.dtypes:
        raise Unsupported(f"{row.name} on {dtype_name(value.dtype)}")


class Builder:
    """Appends nodes to `graph`; `origin` is stamped on each.

    `expected` is what PyTorch inferred for the call that is being lowered: fake tensors or numbers.
    """

    def __init__(self, graph: Graph, fake_mode: FakeTensorMode) -> None:
        self.graph = graph
        self.fake_mode = fake_mode
        self.origin = Origin()
        self.expected: Any = None
        self.forgotten: set[Any] = set()  # what PyTorch says of decided sizes, and is wrong
        self._decided: dict[Any, Any] = {}  # torch's symbol of what data decides -> the graph's
        self._names = itertools.count()
        self._sizes, self._stand_ins = itertools.count(1), itertools.count()
        self._taken: set[Any] = set()  # symbols of what data decides, in all graphs
        self._constants: dict[Any, Value] = {}

    def inside(self) -> Builder:
        """A builder of a graph inside a node of this one: the same sizes and names."""
        inner = Builder(Graph(), self.fake_mode)
        inner.origin = self.origin
        inner.forgotten = self.forgotten
        inner._decided = dict(self._decided)
        inner._names, inner._sizes = self._names, self._sizes
        inner._stand_ins, inner._taken = self._stand_ins, self._taken
        return inner

    # --- sizes ---

    def expression(self, size: Any) -> Any:
        """`expression` in the graph's own symbols; through lists and tuples too."""
        if isinstance(size, (list, tuple)):
            return [self.expression(item) for item in size]
        size = expression(size)
        return size.xreplace(self._decided) if isinstance(size, sympy.Basic) else size

    def is_new(self, size: Any) -> bool:
        """Whether PyTorch calls a size by a name that no value has been given yet."""
        size = expression(size)
        return _is_unbacked(size) and size not in self._decided

    def is_decided(self, item: Any) -> bool:
        """Whether the data decides something in an attribute, a list or a dict of them."""
        if isinstance(item, (dict, list, tuple)):
            parts = item.values() if isinstance(item, dict) else item
            return any(self.is_decided(part) for part in parts)
        return isinstance(item, sympy.Basic) and not item.free_symbols.isdisjoint(self._taken)

    def decided_symbols(self) -> set[Any]:
        """The symbols that data decides, so far."""
        return {symbol.symbol for symbol in self.graph.symbols}

    def decide(self, value: Value, size: Any, bound: Dim | None, name: str = "") -> Any:
        """Makes the contents of `value` (0-d; int64, float64) what PyTorch calls `size`; gives it.

        `bound` is the most that a size can be. `size` may be None where PyTorch has no name for it.
        """
        size = expression(size)
        torchs = size if self.is_new(size) else None
        low, high = self._range(torchs, bound)
        symbol = torchs
        if value.dtype == torch.int64 and (torchs is None or low >= 0):
            symbol = self._stand_in()
        elif torchs in self._taken:  # each graph inside a loop decides its own
            symbol = self._another()
        self._taken.add(symbol)
        if torchs is not None:
            self._decided[torchs] = symbol
        elif isinstance(size, int):
            low = high = size
        elif size is not None:
            self.graph.guards.append(sympy.Eq(symbol, self.expression(size)))
        name = f"{name or self.origin.name or 'size'}_{next(self._sizes)}"
        self.graph.symbols.append(Symbol(symbol, name, low, high, value, bound))
        return symbol if size is None else self.expression(size)

    def differ(self, shape: Sequence[Dim], other: Sequence[Dim]) -> bool:
        """Whether two shapes of the same rank differ whatever the sizes are: at random ones."""
        dice = random.Random(0)
        known = {symbol.symbol: (symbol.min, symbol.max) for symbol in self.graph.symbols}
        differences = [sympy.sympify(a) - b for a, b in zip(shape, other, strict=True)]
        for _ in range(5):
            point = {
                symbol: dice.randint(low, min(high, low + 1000))
                for difference in differences
                for symbol in difference.free_symbols
                for low, high in [known.get(symbol) or self._range(symbol, None)]
            }
            if not any(difference.xreplace(point) for difference in differences):
                return False
        return True

    def forget_limit(self, size: Any) -> None:
        """PyTorch's largest number for a decided size is no guard."""
        shape_env, torchs = self.fake_mode.shape_env, expression(size)
        assert shape_env is not None
        self.forgotten.add(sympy.Le(self.expression(size), shape_env.var_to_range[torchs].upper))

    def _range(self, symbol: Any, bound: Dim | None) -> tuple[int, int]:
        shape_env = self.fake_mode.shape_env
        assert shape_env is not None
        if bound is not None:  # torch's own is wrong for masks that are larger than what they mask
            return 0, bound if isinstance(bound, int) else LARGEST
        known = shape_env.var_to_range.get(symbol)
        if known is not None and known.is_int:
            return int(max(known.lower, -EXACT)), int(min(known.upper, EXACT))
        return -EXACT, EXACT

    def _stand_in(self) -> sympy.Symbol:
        """A symbol that inference may ask about: one that torch takes for the size of an input."""
        shape_env = self.fake_mode.shape_env
        assert shape_env is not None
        number = next(self._stand_ins)
        source = ConstantSource(f"decided_{number}")
        symbol = shape_env.create_symbol(1009 + 2 * number, source, DimDynamic.DYNAMIC, None)
        assert isinstance(symbol, sympy.Symbol)
        return symbol

    def _another(self) -> sympy.Symbol:
        """A symbol of which inference knows nothing."""
        shape_env = self.fake_mode.shape_env
        assert shape_env is not None
        with shape_env.ignore_fresh_unbacked_symbols():
            symbol = shape_env.create_unbacked_symint().node.expr
        assert isinstance(symbol, sympy.Symbol)
        return symbol

    # --- values ---

    def value(self, name: str, fake: Any, kind: str, data: torch.Tensor | None = None) -> Value:
        """A value described by a fake tensor."""
        shape = tuple(self.expression(size) for size in fake.shape)
        return Value(name, fake.dtype, shape, kind, data, fake)

    def constant(self, data: torch.Tensor, name: str | None = None) -> Value:
        """A constant tensor; equal small ones are made once."""
        data = data.detach().contiguous()
        key = None
        if data.numel() <= 64 and name is None:
            key = (data.dtype, tuple(data.shape), raw(data))
            if key in self._constants:
                return self._constants[key]
        fake = self.fake_mode.from_tensor(data, static_shapes=True)
        value = self.value(name or self._name("constant"), fake, "constant", data)
        if key is not None:
            self._constants[key] = value
        return value

    def scalar(self, number: Any, dtype: torch.dtype) -> Value:
        """A 0-d tensor of a number; of an expression of sizes, computed in the run."""
        if isinstance(number, sympy.Basic) and not number.is_number:
            value = self.emit("full", [], {"size": (), "value": number, "dtype": dtype})
            assert isinstance(value, Value)
            return value
        if isinstance(number, sympy.Basic):
            number = int(number) if number.is_Integer else float(number)
        return self.constant(torch.tensor(number, dtype=dtype))

    def _name(self, stem: str) -> str:
        base = self.origin.name or stem
        return f"{base}__{next(self._names)}"

    # --- nodes ---

    def emit(
        self, name: str, inputs: Sequence[Value | None], attributes: dict[str, Any] | None = None
    ) -> Any:
        """Appends a node of row `name`; gives its output, or a tuple of them."""
        row = ROWS[name]
        filled = self._fill(row, attributes or {})
        for index, value in enumerate(inputs):
            _require_dtype(row, row.operand(index), value)
        fakes = self.infer(row, inputs, filled)
        for spec, fake in zip(row.outputs, fakes, strict=True):
            _require_dtype(row, spec, fake)
        outputs = self._append(row, inputs, filled, fakes)
        return outputs[0] if len(row.outputs) == 1 else tuple(outputs)

    def part(self, value: Value, size: Any, bounds: dict[str, Any] | None = None) -> Value:
        """A `slice` that is as long as the data has decided; without bounds, the first rows."""
        bounds = bounds or {"dim": 0, "start": 0, "end": size, "step": 1}
        shape = list(value.shape)
        shape[bounds["dim"]] = size
        with self.fake_mode:
            fake = value.fake.new_empty(self._symbolic(shape))
        return self._append(ROWS["slice"], [value], bounds, [fake])[0]

    def slice_at(self, value: Value, index: Any) -> Value:
        """Slice `index` along the first axis, which the run knows to be there."""
        with self.fake_mode:
            fake = value.fake.new_empty(value.fake.shape[1:])
        return self._append(ROWS["select"], [value], {"dim": 0, "index": index}, [fake])[0]

    def _append(
        self,
        row: Row,
        inputs: Sequence[Value | None],
        attributes: dict[str, Any],
        fakes: Sequence[Any],
    ) -> list[Value]:
        outputs = [self.value(self._name(row.name), fake, "node") for fake in fakes]
        node = Node(row, list(inputs), attributes, outputs, self.origin)
        for output in outputs:
            output.producer = node
        self.graph.nodes.append(node)
        return outputs

    def _fill(self, row: Row, given: dict[str, Any]) -> dict[str, Any]:
        unknown = set(given) - {attribute.name for attribute in row.attributes}
        if unknown:
            raise InternalError("internal", reason=f"{row.name} has no attributes {unknown}")
        return {a.name: self.expression(given.get(a.name, a.default)) for a in row.attributes}

    def infer(
        self, row: Row, inputs: Sequence[Value | None], attributes: dict[str, Any]
    ) -> tuple[Any, ...]:
        """Fake outputs of a row."""
        fakes = [None if value is None else value.fake for value in inputs]
        if row.view is not None and inputs[0] is not None and self.is_decided(attributes):
            # PyTorch would compare bounds with the stand-ins' numbers, which say nothing.
            shape = inputs[0].shape
            place = row.view(shape, contiguous_strides(shape), 0, **attributes)
            assert place is not None, "contiguous strides allow every view"
            with self.fake_mode:
                return (inputs[0].fake.new_empty(self._symbolic(list(place[0]))),)
        arguments = {key: self._symbolic(item) for key, item in attributes.items()}
        # The Python dispatcher keeps C++ composites from turning symbolic sizes into numbers.
        with enable_python_dispatcher(), self.fake_mode, torch.no_grad():
            result = row.reference(*fakes, **arguments)
        return tuple(result) if isinstance(result, (tuple, list)) else (result,)

    def _symbolic(self, item: Any) -> Any:
        """Expressions as SymInts (or SymFloats), for running PyTorch code on."""
        if isinstance(item, list):
            return tuple(self._symbolic(one) for one in item)
        if not isinstance(item, sympy.Basic):
            return item
        shape_env = self.fake_mode.shape_env
        assert shape_env is not None
        if item.is_integer:
            return shape_env.create_symintnode(item, hint=None)
        return shape_env.create_symfloatnode(item, hint=None)

    # --- calls of aten operators ---

    def call(self, target: str, /, **arguments: Any) -> Any:
        """Lowers another aten overload: `b.call("aten.mul.Tensor", self=x, other=y)`."""
        expected, self.expected = self.expected, None
        result = self.lower(target, overload(target), arguments)
        self.expected = expected
        return result

    def lower(self, target: str, op: Any, arguments: dict[str, Any]) -> Any:
        """The value(s) of an aten call; raises Unsupported where a lowering says so."""
        if target not in LOWERINGS and target not in COMPLEX_LOWERINGS:
            raise Unsupported(target)
        filled = {}
        for argument in op._schema.arguments:
            if argument.name in arguments:
                filled[argument.name] = self.expression(arguments[argument.name])
            elif argument.has_default_value():
                filled[argument.name] = argument.default_value
        complex_ = target in COMPLEX_LOWERINGS and is_complex(list(filled.values()))
        lowering = (COMPLEX_LOWERINGS if complex_ else LOWERINGS).get(target)
        result = lowering and lowering(self, filled)
        if result is None:
            raise Unsupported(target)
        return result

    def emit_matching(self, row: Row, arguments: dict[str, Any]) -> Any:
        """A row applied to a call whose arguments have the names of its operands and attributes.

        None where another argument is not at its default.
        """
        operands = {operand.name for operand in row.inputs}
        names = {attribute.name for attribute in row.attributes}
        op = overload(row.targets[0])
        defaults = {a.name: a.default_value for a in op._schema.arguments if a.has_default_value()}
        for name, argument in arguments.items():
            ignored = argument is None or (name in defaults and argument == defaults[name])
            if name not in operands | names and not ignored:
                return None
        inputs: list[Value | None] = []
        for operand in row.inputs:
            given = arguments.get(operand.name)
            inputs.extend((given or []) if operand.variadic else [given])
        attributes = {name: arguments[name] for name in names if arguments.get(name) is not None}
        return self.emit(row.name, inputs, attributes)


def overload(target: str) -> Any:
    """`aten.add.Tensor` as the OpOverload."""
    namespace, name, variant = target.split(".")
    return getattr(getattr(getattr(torch.ops, namespace), name), variant)
