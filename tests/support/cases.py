"""A row's case as a plan of one node: what every test of operators runs."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from wasm_torch_web.format.weights import Segment
from wasm_torch_web.format.writer import plan_of
from wasm_torch_web.ir import Graph, Node, Port, Value
from wasm_torch_web.ops import ROWS, Case, Row
from wasm_torch_web.passes.layout import choose_layouts

TOLERANCE = 1e-5


@dataclass
class Plan:
    """One case, ready to run: `inputs` in the plan's order, `expected` from the reference."""

    name: str
    plan: bytes
    weights: bytes | memoryview
    inputs: list[torch.Tensor]
    expected: list[torch.Tensor]
    tolerance: float


def all_plans(pattern: str = "") -> Iterator[Plan]:
    """A plan for each case of each row whose name has `pattern` in it; two where weights pack."""
    for row in sorted(ROWS.values(), key=lambda r: r.name):
        if not re.search(pattern, row.name) or row.cases is None:
            continue
        for index, case in enumerate(row.cases()):
            yield make_plan(row, case, f"{row.name}[{index}]", constants=False)
            if any("panel8" in operand.layout for operand in row.inputs):
                yield make_plan(row, case, f"{row.name}[{index}, packed]", constants=True)


def make_plan(row: Row, case: Case, name: str, constants: bool) -> Plan:
    """The plan of a case; operands that may be packed are constants or inputs."""
    graph = Graph()
    given: list[torch.Tensor] = []
    values: list[Value | None] = []
    for index, data in enumerate(case.inputs):
        if data is None:
            values.append(None)
        elif constants and "panel8" in row.operand(index).layout:
            values.append(_constant(f"in{index}", data))
        else:
            values.append(_input(graph, f"in{index}", data, given))
    attributes = {a.name: _listed(case.attributes.get(a.name, a.default)) for a in row.attributes}
    expected = reference(row, case)
    outputs = [Value(f"out{i}", t.dtype, tuple(t.shape)) for i, t in enumerate(expected)]
    node = Node(row, values, attributes, outputs)
    for output in outputs:
        output.producer = node
        graph.outputs.append(Port(output.name, "tensor", output))
    graph.nodes.append(node)
    choose_layouts(graph)
    plan, weights = files_of(graph)
    tolerance = TOLERANCE if case.tolerance is None else case.tolerance
    return Plan(name, plan, weights, given, expected, tolerance)


def files_of(graph: Graph) -> tuple[bytes, bytes]:
    """plan.bin (as small as it may be) and the weight segment of a finished graph."""
    weights = io.BytesIO()
    return plan_of(graph, Segment(weights)).finish(), weights.getvalue()


def _constant(name: str, data: torch.Tensor) -> Value:
    return Value(name, data.dtype, tuple(data.shape), "constant", data.contiguous())


def _input(graph: Graph, name: str, data: torch.Tensor, given: list[torch.Tensor]) -> Value:
    """An input; where the case is not contiguous, a view of an input that holds its memory."""
    if data.is_contiguous():
        value = Value(name, data.dtype, tuple(data.shape), "input")
        given.append(data)
        graph.inputs.append(Port(name, "tensor", value))
        return value
    memory = _memory(data)
    base = Value(f"{name}_memory", data.dtype, tuple(memory.shape), "input")
    given.append(memory)
    graph.inputs.append(Port(base.name, "tensor", base))
    view = Value(name, data.dtype, tuple(data.shape), "view")
    view.strides, view.storage = tuple(data.stride()), base
    return view


def given_of(case: Case) -> list[torch.Tensor]:
    """The inputs of a plan without constants."""
    return [x if x.is_contiguous() else _memory(x) for x in case.inputs if x is not None]


def _memory(data: torch.Tensor) -> torch.Tensor:
    reach = 1 + sum((n - 1) * s for n, s in zip(data.shape, data.stride(), strict=True))
    memory = torch.as_strided(data, (reach if data.numel() else 0,), (1,), data.storage_offset())
    return memory.contiguous()


def reference(row: Row, case: Case) -> list[torch.Tensor]:
    """The outputs in PyTorch."""
    attributes: dict[str, Any] = {a.name: a.default for a in row.attributes}
    attributes.update(case.attributes)
    with torch.no_grad():
        result = row.reference(*case.inputs, **attributes)
    return list(result) if isinstance(result, (tuple, list)) else [result]


def _listed(item: Any) -> Any:
    return list(item) if isinstance(item, tuple) else item


def as_tensor(leaf: torch.Tensor | float) -> torch.Tensor:
    """A tensor, or a number as a program gives it."""
    if isinstance(leaf, torch.Tensor):
        return leaf
    return torch.tensor(leaf, dtype=torch.float64 if isinstance(leaf, float) else None)


def fault(plan: Plan, outputs: list[torch.Tensor]) -> str | None:
    """What is wrong with the outputs, or None."""
    for index, (given, expected) in enumerate(zip(outputs, plan.expected, strict=True)):
        if given.dtype != expected.dtype or given.shape != expected.shape:
            return (
                f"output {index}: {given.dtype}{tuple(given.shape)}, expected "
                f"{expected.dtype}{tuple(expected.shape)}"
            )
        text = _difference(given, expected, plan.tolerance)
        if text:
            return f"output {index}: {text}"
    return None


def _difference(given: torch.Tensor, expected: torch.Tensor, tolerance: float) -> str | None:
    if expected.dtype.is_complex:
        given, expected = torch.view_as_real(given), torch.view_as_real(expected.resolve_conj())
    if not expected.dtype.is_floating_point:
        wrong = given != expected
        return f"{int(wrong.sum())} elements differ" if bool(wrong.any()) else None
    if expected.dtype in (torch.float16, torch.bfloat16):  # one rounding
        tolerance = max(tolerance, torch.finfo(expected.dtype).eps)
    a, b = given.double(), expected.double()
    same = (a == b) | (a.isnan() & b.isnan())
    finite = b[b.isfinite()]
    scale = max(1.0, float(finite.abs().max())) if finite.numel() else 1.0
    error = torch.where(same, 0.0, (a - b).abs()).nan_to_num(nan=float("inf"))
    worst = float(error.max()) if error.numel() else 0.0
    return f"error {worst:.3g} > {tolerance:g} x {scale:.3g}" if worst > tolerance * scale else None
