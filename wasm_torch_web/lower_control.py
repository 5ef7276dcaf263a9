"""torch.cond, while_loop, scan and map as torch.export records them, as nodes that own graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import sympy
import torch
from torch.fx import GraphModule
from torch.fx import Node as FxNode

from wasm_torch_web.control import Parts, control_node
from wasm_torch_web.errors import UserError
from wasm_torch_web.ir import Graph, Port, Value, same_shape
from wasm_torch_web.ops.random import draw
from wasm_torch_web.ops.table import ALL, dtype_name

if TYPE_CHECKING:
    from wasm_torch_web.lower import Calls

Results = list[Any]


class Inner:
    """A graph inside a node while it is filled: its inputs, then what its FX nodes say."""

    def __init__(self, outer: Calls) -> None:
        self.calls = outer.inside()
        self.builder = self.calls.builder
        self.graph: Graph = self.builder.graph

    def input(self, operand: Value) -> Value:
        """The operand of the node, as an input of the graph."""
        name = f"{operand.name}__{len(self.graph.inputs)}"
        value = self.builder.value(name, operand.fake, "input")
        self.graph.inputs.append(Port(value.name, "tensor", value))
        return value

    def constant(self, value: Value) -> Value:
        """The same constant, whose layout this graph alone decides."""
        return Value(value.name, value.dtype, value.shape, "constant", value.data, value.fake)

    def run(self, module: GraphModule, given: Sequence[Any]) -> Results:
        """What the module returns, as tensors and numbers."""
        results = self.calls.walk(module, list(given))
        return list(results) if isinstance(results, (list, tuple)) else [results]

    def finish(self, results: Sequence[Value]) -> None:
        """Makes these the outputs."""
        for index, value in enumerate(results):
            self.graph.outputs.append(Port(f"output{index}", "tensor", value))

    def state(self) -> tuple[Value, Value] | None:
        """The state of the random numbers that were drawn, and what comes after it."""
        updates, self.graph.updates = self.graph.updates, []
        for state, _ in updates:
            state.kind, state.data = "input", None
            self.graph.inputs.append(Port(state.name, "tensor", state))
        return updates[0] if updates else None


def lower_control(calls: Calls, node: FxNode) -> Any:
    """The values of a call of a higher-order operator; None where it is no control flow."""
    lowering = _LOWERINGS.get(str(node.target))
    if lowering is None:
        return None
    arguments = [calls.resolve(argument) for argument in node.args]
    return lowering(calls, node, *arguments)


def _refuse(node: FxNode, calls: Calls, reason: str) -> UserError:
    where = str(calls.builder.origin) or node.name
    return UserError("control-flow", what=str(node.target), where=where, reason=reason)


def _require(calls: Calls, node: FxNode, values: Sequence[Value]) -> None:
    for value in values:
        if value.dtype not in ALL:
            reason = f"{value.name} is {dtype_name(value.dtype)}"
            raise _refuse(node, calls, reason)


def _truth(calls: Calls, predicate: Any) -> Value:
    """A 0-d bool of a tensor of one element or of an expression of sizes."""
    b = calls.builder
    if isinstance(predicate, Value):
        if predicate.dtype != torch.bool:
            predicate = b.call("aten.ne.Scalar", self=predicate, other=0)
        truth: Value = predicate
        if truth.rank:
            truth = b.emit("reshape", [truth], {"size": ()})
        return truth
    if isinstance(predicate, sympy.Basic) and predicate.free_symbols:
        one, zero = sympy.Integer(1), sympy.Integer(0)
        return b.scalar(sympy.Piecewise((one, predicate), (zero, sympy.true)), torch.bool)
    return b.scalar(bool(predicate), torch.bool)


def _tensor(calls: Calls, item: Any, fake: Any) -> Value:
    """A number as a 0-d tensor."""
    if isinstance(item, Value):
        return item
    if isinstance(fake, (torch.SymBool, bool)):
        return _truth(calls, item)
    real = isinstance(fake, (torch.SymFloat, float))
    return calls.builder.scalar(item, torch.float64 if real else torch.int64)


def _number(calls: Calls, value: Value, size: Any) -> Any:
    """What a 0-d tensor holds, as a number that sizes and attributes may depend on."""
    b = calls.builder
    number = b.emit("copy", [value])
    if value.dtype == torch.bool:
        return b.decide(b.call("aten._to_copy.default", self=value, dtype=torch.int64), size, None)
    return b.decide(number, size, None)


def _outputs(calls: Calls, node: FxNode, likes: Sequence[Any]) -> list[Value]:
    """New values of the shapes and dtypes of fake tensors."""
    names = [f"{node.name}.{index}" for index in range(len(likes))]
    return [
        calls.builder.value(name, fake, "node") for name, fake in zip(names, likes, strict=True)
    ]


def _append(
    calls: Calls, node: FxNode, inputs: Sequence[Value], outputs: Sequence[Value], parts: Parts
) -> None:
    _require(calls, node, [*inputs, *outputs])
    name = str(node.target)
    made = control_node(name, inputs, outputs, parts, calls.builder.origin)
    calls.graph.nodes.append(made)


# --- torch.cond ---


def _cond(
    calls: Calls,
    node: FxNode,
    predicate: Any,
    true: GraphModule,
    false: GraphModule,
    operands: Sequence[Any],
) -> Results:
    tensors = [x for x in operands if isinstance(x, Value) and not x.is_constant]
    fakes = list(node.meta["val"])
    inputs = [_truth(calls, predicate), *tensors]
    inners, results, seeds = [], [], []
    for module in (true, false):
        inner = Inner(calls)
        given = {id(x): inner.input(x) for x in tensors}
        found = inner.run(module, [_given(inner, x, given) for x in operands])
        pairs = zip(found, fakes, strict=True)
        results.append([_tensor(inner.calls, item, fake) for item, fake in pairs])
        inners.append(inner)
        seeds.append(inner.state())
    for inner, values in zip(inners, results, strict=True):
        inner.finish(values)
    for one, other in zip(*results, strict=True):
        if not same_shape(one.shape, other.shape) or one.dtype != other.dtype:
            reason = f"gives {one} in one branch and {other} in the other"
            raise _refuse(node, calls, reason)
    inputs += _seed(calls, inners, seeds)
    outputs = _outputs(calls, node, [value.fake for value in results[0]])
    _append(calls, node, inputs, outputs, Parts(tuple(inner.graph for inner in inners)))
    return [_as_meta(calls, *pair) for pair in zip(outputs, fakes, strict=True)]


def _given(inner: Inner, operand: Any, given: dict[int, Value]) -> Any:
    """What a graph inside sees of an operand."""
    if isinstance(operand, Value) and operand.is_constant:
        return inner.constant(operand)
    return given.get(id(operand), operand)


def _as_meta(calls: Calls, value: Value, fake: Any) -> Any:
    return value if isinstance(fake, torch.Tensor) else _number(calls, value, fake)


def _seed(calls: Calls, inners: Sequence[Inner], states: Sequence[Any]) -> list[Value]:
    """An operand that graphs which draw random numbers start from; the others get it as well."""
    if not any(states):
        return []
    seed = draw(calls.builder, (), torch.int64)
    for inner, state in zip(inners, states, strict=True):
        if state is None:
            inner.input(seed)
    return [seed]


# --- loops ---


def _while_loop(
    calls: Calls,
    node: FxNode,
    test: GraphModule,
    body: GraphModule,
    carried: Sequence[Any],
    rest: Sequence[Any],
) -> Results:
    fakes = list(node.meta["val"])
    first = [_tensor(calls, item, fake) for item, fake in zip(carried, fakes, strict=True)]
    loop = _Loop(calls, node, first, rest)

    def see(inner: Inner, module: GraphModule, values: Sequence[Value]) -> list[Any]:
        """The carried values as the module wants them: numbers under its names for them."""
        wanted = [n.meta.get("val") for n in module.graph.nodes if n.op == "placeholder"]
        pairs = zip(values, wanted, strict=False)
        return [_as_meta(inner.calls, value, fake) for value, fake in pairs]

    def run_test(inner: Inner, values: Sequence[Value], others: Sequence[Any]) -> Value:
        (holds,) = inner.run(test, [*see(inner, test, values), *others])
        return _truth(inner.calls, holds)

    def run_body(inner: Inner, values: Sequence[Value], others: Sequence[Any]) -> list[Value]:
        results = inner.run(body, [*see(inner, body, values), *others])
        pairs = zip(results, fakes, strict=True)
        return [_tensor(inner.calls, item, fake) for item, fake in pairs]

    outputs = loop.make(run_test, run_body, [])
    return [_as_meta(calls, *pair) for pair in zip(outputs, fakes, strict=True)]


def _scan(
    calls: Calls,
    node: FxNode,
    body: GraphModule,
    first: Sequence[Any],
    stacks: Sequence[Value],
    rest: Sequence[Any],
) -> Results:
    b, fakes = calls.builder, list(node.meta["val"])
    carries = [_tensor(calls, item, fake) for item, fake in zip(first, fakes, strict=False)]
    rounds = stacks[0].shape[0]
    loop = _Loop(calls, node, [b.scalar(0, torch.int64), *carries], [*stacks, *rest])

    def run_test(inner: Inner, values: Sequence[Value], others: Sequence[Any]) -> Value:
        limit = inner.builder.scalar(rounds, torch.int64)
        holds: Value = inner.builder.call("aten.lt.Tensor", self=values[0], other=limit)
        return holds

    def run_body(inner: Inner, values: Sequence[Value], others: Sequence[Any]) -> list[Value]:
        inside = inner.builder
        index = inside.decide(inside.emit("copy", [values[0]]), None, rounds, f"{node.name}_round")
        slices = [inside.slice_at(x, index) for x in others[: len(stacks)]]
        results = inner.run(body, [*values[1:], *slices, *others[len(stacks) :]])
        pairs = zip(results, fakes, strict=True)
        found = [_tensor(inner.calls, item, fake) for item, fake in pairs]
        loop.index = index
        return [inside.call("aten.add.Scalar", self=values[0], other=1), *found]

    return loop.make(run_test, run_body, fakes[len(first) :])[1:]


def _map(
    calls: Calls, node: FxNode, body: GraphModule, stacks: Sequence[Value], rest: Sequence[Any]
) -> Results:
    return _scan(calls, node, body, [], stacks, rest)


class _Loop:
    """A loop over what it carries; `rest` stays the same."""

    def __init__(
        self, calls: Calls, node: FxNode, carried: Sequence[Value], rest: Sequence[Any]
    ) -> None:
        self.calls, self.node = calls, node
        self.carried, self.rest = list(carried), list(rest)
        self.tensors = [x for x in self.rest if isinstance(x, Value) and not x.is_constant]
        self.index: Any = None

    def enter(self) -> tuple[Inner, list[Value], list[Any]]:
        """A graph inside, what it sees of what is carried, and of the rest."""
        inner = Inner(self.calls)
        values = [inner.input(value) for value in self.carried]
        given = {id(x): inner.input(x) for x in self.tensors}
        return inner, values, [_given(inner, x, given) for x in self.rest]

    def make(
        self,
        run_test: Callable[..., Value],
        run_body: Callable[..., list[Value]],
        stacked: Sequence[Any],
    ) -> list[Value]:
        """Appends the node; gives what is carried at the end, then the stacks."""
        test, values, others = self.enter()
        test.finish([run_test(test, values, others)])
        if test.graph.updates:
            raise _refuse(self.node, self.calls, "draws random numbers in its condition")
        body, values, others = self.enter()
        results = run_body(body, values, others)
        self.check(results)
        seeds = self.carry_seed(test, body, results)
        body.finish(results)
        if self.index is not None:
            body.graph.outputs.append(Port("index", "int", self.index))
        likes = [value.fake for value in self.carried]
        outputs = _outputs(self.calls, self.node, [*likes, *stacked])
        inputs = [*self.carried, *self.tensors]
        parts = Parts((test.graph, body.graph), len(self.carried))
        _append(self.calls, self.node, inputs, outputs, parts)
        kept = len(self.carried) - seeds
        return [*outputs[:kept], *outputs[len(self.carried) :]]

    def check(self, results: Sequence[Value]) -> None:
        """What is carried keeps its shape."""
        for first, result in zip(self.carried, results, strict=False):
            if not same_shape(first.shape, result.shape) or first.dtype != result.dtype:
                reason = f"carries {first} into its first round and {result} into the next"
                raise _refuse(self.node, self.calls, reason)

    def carry_seed(self, test: Inner, body: Inner, results: list[Value]) -> int:
        """Carries the state of random numbers too, where the body draws some; gives how many."""
        state = body.state()
        if state is None:
            return 0
        seed = draw(self.calls.builder, (), torch.int64)
        test.input(seed)
        place = len(self.carried)
        for inner in (test, body):  # the newest input of each is the seed
            inner.graph.inputs.insert(place, inner.graph.inputs.pop())
        self.carried.append(seed)
        results.insert(place, state[1])
        return 1


_LOWERINGS: dict[str, Callable[..., Results]] = {
    "cond": _cond,
    "while_loop": _while_loop,
    "scan": _scan,
    "map_impl": _map,
}
