"""What lowerings use to make nodes: values in, nodes appended to a graph, shapes inferred.

Shapes and dtypes come from running the row's `reference` on fake tensors, so that a row states
its meaning once.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import sympy
import torch
from torch._dispatch.python import enable_python_dispatcher
from torch._subclasses.fake_tensor import FakeTensorMode

from wasm_torch_web.errors import InternalError
from wasm_torch_web.format.weights import raw
from wasm_torch_web.ir import Graph, Node, Origin, Value, simplify
from wasm_torch_web.ops import LOWERINGS, ROWS, Operand, Row
from wasm_torch_web.ops.table import dtype_name


def expression(size: Any) -> Any:
    """A SymInt, SymFloat or SymBool as an int or sympy expression; other things unchanged."""
    if isinstance(size, (torch.SymInt, torch.SymFloat, torch.SymBool)):
        expr = size.node.expr
        if isinstance(size, torch.SymInt):
            return simplify(expr)
        return float(expr) if expr.is_number and isinstance(size, torch.SymFloat) else expr
    return size


def plain(argument: Any) -> Any:
    """`expression` through lists and tuples."""
    if isinstance(argument, (list, tuple)):
        return [plain(item) for item in argument]
    return expression(argument)


class Unsupported(Exception):
    """A lowering cannot express this call."""


def _require_dtype(row: Row, spec: Operand, value: Any) -> None:
    if value is not None and value.dtype not in spec.dtypes:
        raise Unsupported(f"{row.name} on {dtype_name(value.dtype)}")


class Builder:
    """Appends nodes to `graph`; `origin` is stamped on each."""

    def __init__(self, graph: Graph, fake_mode: FakeTensorMode) -> None:
        self.graph = graph
        self.fake_mode = fake_mode
        self.origin = Origin()
        self._names = itertools.count()
        self._constants: dict[Any, Value] = {}

    # --- values ---

    def value(self, name: str, fake: Any, kind: str, data: torch.Tensor | None = None) -> Value:
        """A value described by a fake tensor."""
        shape = tuple(expression(size) for size in fake.shape)
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
        outputs = [self.value(self._name(name), fake, "node") for fake in fakes]
        node = Node(row, list(inputs), filled, outputs, self.origin)
        for output in outputs:
            output.producer = node
        self.graph.nodes.append(node)
        return outputs[0] if len(row.outputs) == 1 else tuple(outputs)

    def _fill(self, row: Row, given: dict[str, Any]) -> dict[str, Any]:
        unknown = set(given) - {attribute.name for attribute in row.attributes}
        if unknown:
            raise InternalError("internal", reason=f"{row.name} has no attributes {unknown}")
        return {a.name: plain(given.get(a.name, a.default)) for a in row.attributes}

    def infer(
        self, row: Row, inputs: Sequence[Value | None], attributes: dict[str, Any]
    ) -> tuple[Any, ...]:
        """Fake outputs of a row."""
        fakes = [None if value is None else value.fake for value in inputs]
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
        return self.lower(target, overload(target), arguments)

    def lower(self, target: str, op: Any, arguments: dict[str, Any]) -> Any:
        """The value(s) of an aten call; raises Unsupported where a lowering says so."""
        if target not in LOWERINGS:
            raise Unsupported(target)
        filled = {}
        for argument in op._schema.arguments:
            if argument.name in arguments:
                filled[argument.name] = plain(arguments[argument.name])
            elif argument.has_default_value():
                filled[argument.name] = argument.default_value
        result = LOWERINGS[target](self, filled)
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
