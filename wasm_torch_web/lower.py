"""FX to graph: an ExportedProgram in, a `Graph` of table rows out; all that is missing at once.

Nothing after this module knows an aten name.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import sympy
import torch
from torch._ops import HigherOrderOperator
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.export import ExportedProgram
from torch.export.graph_signature import (
    ConstantArgument,
    InputKind,
    OutputKind,
    SymBoolArgument,
)
from torch.fx import GraphModule
from torch.fx import Node as FxNode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from wasm_torch_web import signature
from wasm_torch_web.builder import Builder, expression
from wasm_torch_web.errors import InternalError, UserError
from wasm_torch_web.ir import Graph, Origin, Port, Value, same_shape
from wasm_torch_web.lower_control import lower_control
from wasm_torch_web.ops import LOWERINGS
from wasm_torch_web.ops.table import DTYPES, Unsupported, dtype_name


def lower(program: ExportedProgram) -> Graph:
    """The graph of an exported (and decomposed) program.

    Errors: operators-unsupported, dtype-unsupported, io-type-unsupported.
    """
    return _Lowering(program).run()


class Calls:
    """The calls of an FX graph, as nodes of a graph; `values` has what its nodes stand for."""

    def __init__(self, builder: Builder, unsupported: dict[str, list[str]]) -> None:
        self.builder = builder
        self.graph = builder.graph
        self.values: dict[str, Any] = {}  # FX node name -> Value, tuple of them, or number
        self.unsupported = unsupported

    def inside(self) -> Calls:
        """The calls of a graph inside a call."""
        return Calls(self.builder.inside(), self.unsupported)

    def walk(self, module: GraphModule, given: list[Any]) -> Any:
        """What a module of FX nodes returns for these arguments."""
        for node in module.graph.nodes:
            if node.op == "placeholder":
                self.values[node.name] = given.pop(0)
            elif node.op == "output":
                return self.resolve(node.args[0])
            else:
                self.step(module, node)
        return None

    def step(self, module: GraphModule, node: FxNode) -> None:
        """A node that is neither input nor output."""
        if node.op == "call_function":
            self.call(node)
        elif node.op == "get_attr":
            held = getattr(module, str(node.target))
            tensor = isinstance(held, torch.Tensor)
            self.values[node.name] = self.builder.constant(held) if tensor else held

    # --- calls ---

    def call(self, node: FxNode) -> None:
        fake = node.meta.get("val")
        target = _target_name(node.target)
        if isinstance(node.target, HigherOrderOperator):
            self.values[node.name] = self.higher_order(node)
            return
        number = isinstance(fake, (torch.SymInt, torch.SymFloat, torch.SymBool, int, float, bool))
        if number and target not in LOWERINGS:
            self.values[node.name] = self.builder.expression(fake)
            return
        schema: Any = getattr(node.target, "_schema", None)
        if schema is None:
            self.values[node.name] = self.builtin(node)
            return
        if not schema.returns and target not in LOWERINGS:
            return  # assertions: what they say about sizes is among the guards
        self.builder.origin = _origin(node)
        self.builder.expected = fake
        try:
            result = self.builder.lower(target, node.target, self.arguments(node))
        except Unsupported as error:
            self.note_unsupported(str(error) or target, node)
            result = self.stand_in(node)
        self.values[node.name] = self.named(node, result)

    def higher_order(self, node: FxNode) -> Any:
        """Control flow."""
        self.builder.origin = _origin(node)
        result = lower_control(self, node)
        if result is None:
            self.note_unsupported(str(node.target), node)
            return self.stand_in(node)
        return result

    def builtin(self, node: FxNode) -> Any:
        if getattr(node.target, "__name__", "") == "getitem":
            source, index = self.resolve(node.args[0]), node.args[1]
            return source[index]
        self.builder.origin = _origin(node)
        self.note_unsupported(str(node.target), node)
        return self.stand_in(node)

    def arguments(self, node: FxNode) -> dict[str, Any]:
        """The call's arguments by schema name, FX nodes replaced by values."""
        schema = node.target._schema.arguments  # type: ignore[union-attr]
        positional = {spec.name: given for spec, given in zip(schema, node.args, strict=False)}
        named = {**positional, **node.kwargs}
        return {name: self.resolve(given) for name, given in named.items()}

    def resolve(self, argument: Any) -> Any:
        if isinstance(argument, FxNode):
            return self.values[argument.name]
        if isinstance(argument, (list, tuple)):
            return [self.resolve(item) for item in argument]
        return argument

    def named(self, node: FxNode, result: Any) -> Any:
        """Gives values the FX node's name, and checks them against what PyTorch inferred."""
        fake = node.meta.get("val")  # assertions that decompositions make have none
        if isinstance(result, Value) and isinstance(fake, torch.Tensor):
            self.check(result, fake, node.name)
            if result.kind == "node" and result.producer is self.graph.nodes[-1]:
                result.name = node.name
            return result
        if isinstance(result, (tuple, list)) and isinstance(fake, (tuple, list)):
            for index, (value, one) in enumerate(zip(result, fake, strict=True)):
                if isinstance(value, Value) and isinstance(one, torch.Tensor):
                    self.check(value, one, node.name)
                    if value.kind == "node" and value.name.startswith(f"{node.name}__"):
                        value.name = f"{node.name}.{index}"
        return result

    def check(self, value: Value, fake: Any, name: str) -> None:
        shape = tuple(self.builder.expression(size) for size in fake.shape)
        if value.dtype != fake.dtype or len(shape) != value.rank:
            raise InternalError(
                "internal", reason=f"{name}: lowered to {value}, PyTorch has {fake.dtype}{shape}"
            )
        if not same_shape(shape, value.shape) and self.builder.differ(shape, value.shape):
            raise InternalError(
                "internal", reason=f"{name}: lowered to {value}, PyTorch has {shape}"
            )

    def note_unsupported(self, target: str, node: FxNode) -> None:
        where = str(_origin(node))
        self.unsupported.setdefault(target, [])
        if where not in self.unsupported[target]:
            self.unsupported[target].append(where)

    def stand_in(self, node: FxNode) -> Any:
        """Values of the right shape, so that lowering goes on and finds all that is missing."""
        fake = node.meta.get("val")
        if isinstance(fake, torch.Tensor):
            return self.builder.value(node.name, fake, "constant")
        if isinstance(fake, (tuple, list)):
            return tuple(
                self.builder.value(node.name, one, "constant")
                if isinstance(one, torch.Tensor)
                else expression(one)
                for one in fake
            )
        return None


class _Lowering(Calls):
    def __init__(self, program: ExportedProgram) -> None:
        self.program = program
        self.names = signature.read(program)
        self.inputs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
        self.tensors = {**program.state_dict, **program.constants}
        self.mutated = set(program.graph_signature.buffers_to_mutate.values())
        self.tied: dict[Any, Value] = {}
        modes = (getattr(node.meta.get("val"), "fake_mode", None) for node in program.graph.nodes)
        mode = next((mode for mode in modes if mode is not None), None)
        # A program of numbers alone has no fake tensors to go on from.
        mode = mode or FakeTensorMode(shape_env=ShapeEnv())
        super().__init__(Builder(Graph(), mode), {})

    def run(self) -> Graph:
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                self.placeholder(node)
            elif node.op == "output":
                self.finish()
            else:
                self.step(self.program.graph_module, node)
        return self.graph

    # --- inputs ---

    def placeholder(self, node: FxNode) -> None:
        spec = self.inputs[node.name]
        if spec.kind == InputKind.USER_INPUT:
            self.user_input(node, spec.arg)
        elif spec.kind in (InputKind.PARAMETER, InputKind.BUFFER, InputKind.CONSTANT_TENSOR):
            assert spec.target is not None
            self.values[node.name] = self.weight(node, spec.target)
        elif spec.kind != InputKind.TOKEN:
            raise UserError(
                "io-type-unsupported", what="constant", name=node.name, type=spec.kind.name
            )

    def user_input(self, node: FxNode, argument: Any) -> None:
        if isinstance(argument, ConstantArgument):
            self.values[node.name] = argument.value
            return
        fake = node.meta["val"]
        if isinstance(fake, torch.Tensor):
            _require_dtype(fake.dtype, f"input {node.name}")
            value = self.builder.value(node.name, fake, "input")
            self.graph.inputs.append(Port(node.name, "tensor", value))
            self.values[node.name] = value
            return
        if not isinstance(fake, torch.SymInt):  # other numbers are constants of an export
            raise UserError(
                "io-type-unsupported", what="input", name=node.name, type=type(fake).__name__
            )
        self.values[node.name] = expression(fake)
        self.graph.inputs.append(Port(node.name, "int", expression(fake)))

    def weight(self, node: FxNode, target: str) -> Value:
        """A parameter, buffer or constant; tied ones (same memory and view) become one value."""
        data = self.tensors[target].detach()
        _require_dtype(data.dtype, target)
        mutated = target in self.mutated
        key = (data.data_ptr(), data.dtype, tuple(data.shape), tuple(data.stride()), mutated)
        if key in self.tied and data.numel() > 0:
            return self.tied[key]
        kind = "state" if mutated else "constant"
        value = self.builder.value(target, node.meta["val"], kind, data.contiguous())
        self.tied[key] = value
        return value

    # --- outputs ---

    def finish(self) -> None:
        if self.unsupported:
            self.raise_unsupported()
        outputs = {slot.index: slot.name for slot in self.names.outputs}
        states = {spec.target: name for name, spec in self.inputs.items()}
        index = -1
        for spec in self.program.graph_signature.output_specs:
            if spec.kind == OutputKind.BUFFER_MUTATION:
                state = self.values[states[spec.target]]
                self.graph.updates.append((state, self.values[spec.arg.name]))
            elif spec.kind == OutputKind.USER_OUTPUT:
                index += 1
                if index in outputs:
                    self.graph.outputs.append(self.output(outputs[index], spec.arg))
            elif spec.kind != OutputKind.USER_INPUT_MUTATION:
                raise UserError(
                    "training-program", reason=f"the program returns {spec.kind.name.lower()}"
                )

    def output(self, name: str, argument: Any) -> Port:
        if isinstance(argument, ConstantArgument):
            kind = type(argument.value).__name__
            return Port(name, kind, argument.value, constant=True)
        value = self.values[argument.name]
        if isinstance(value, Value):
            return Port(name, "tensor", value)
        if isinstance(value, sympy.Basic):
            if isinstance(argument, SymBoolArgument):
                return Port(name, "bool", value)
            return Port(name, "int" if value.is_integer else "float", value)
        kind = type(value).__name__
        if kind not in ("int", "float", "bool") or (kind == "float" and math.isnan(value)):
            raise UserError("io-type-unsupported", what="output", name=name, type=kind)
        return Port(name, kind, value, constant=True)

    def raise_unsupported(self) -> None:
        lines = [
            f"{target} ({'; '.join(places[:3])}{' …' if len(places) > 3 else ''})"
            for target, places in sorted(self.unsupported.items())
        ]
        raise UserError("operators-unsupported", count=len(lines), ops=", ".join(lines))


def _require_dtype(dtype: torch.dtype, where: str) -> None:
    if dtype not in DTYPES:
        raise UserError("dtype-unsupported", op="the tensor", dtype=dtype_name(dtype), where=where)


def _target_name(target: Any) -> str:
    """`aten.add.Tensor` of an OpOverload."""
    return str(target)


def _origin(node: FxNode) -> Origin:
    stack = node.meta.get("nn_module_stack") or {}
    module = ""
    if stack:
        module = list(stack.values())[-1][0].removeprefix("L['self']").strip(".")
    return Origin(node.name, module, _source(node.meta.get("stack_trace") or ""))


def _source(trace: str) -> str:
    """`file.py:12` of the innermost frame outside torch, without the author's folders."""
    frames = [_FRAME.match(line.strip()) for line in trace.splitlines()]
    places = [(Path(frame["path"]), frame["line"]) for frame in frames if frame]
    own = [place for place in places if "torch" not in place[0].parts]
    if not places:
        return ""
    path, line = (own or places)[-1]
    return f"{'/'.join(path.parts[-2:])}:{line}"


_FRAME = re.compile(r'File "(?P<path>[^"]+)", line (?P<line>\d+)')
