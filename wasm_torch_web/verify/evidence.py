"""What a bisection found and the compiled program in, a folder that shows it to somebody else out:
report.md, values.npz, and the operator alone as a package."""

from __future__ import annotations

import io
import platform
from pathlib import Path

import numpy
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

import wasm_torch_web
from wasm_torch_web.format import writer
from wasm_torch_web.interpreter import Interpreter
from wasm_torch_web.ir import Graph, Node
from wasm_torch_web.verify import parity, reproduce
from wasm_torch_web.verify.bisection import Bisection
from wasm_torch_web.verify.parity import Progress
from wasm_torch_web.verify.report import Report
from wasm_torch_web.verify.trials import example_sizes

REPORT, VALUES, OPERATOR = "report.md", "values.npz", "operator"
WIDTH = 100
ABSENT = (
    "It is not packed up alone: it is part of a loop or a choice, or this source compiles to other "
    "operators than the package has."
)
DIFFERS = "differs as well."
AGREES = (
    "agrees with PyTorch: the difference comes from what it was given, or from weights that are "
    "not those of this source."
)


def write(
    folder: Path, found: Bisection, graph: Graph, progress: Progress = lambda step: None
) -> Report | None:
    """Fills the empty folder; gives how the operator does alone, on what it read in the browser,
    or None where it cannot stand alone. `graph` is the compiled program of the same source.

    Raises UserError no-chromium, browser-failed.
    """
    node = _node(found, graph)
    values = {"expected": found.expected, "given": found.given}
    report = None
    if node is not None:
        read = _read(found, graph, node)
        values |= {f"read.{name}": value for name, value in read.items()}
        sizes = example_sizes(writer.described(graph), found.inputs)
        known = {s.symbol: sizes[s.name] for s in graph.symbols if s.name in sizes}
        progress("the operator alone")
        (folder / OPERATOR).mkdir()
        given = folder / OPERATOR, f"{node.row.name.replace('_', '-')}-alone", node, read, known
        reference = reproduce.write_package(*given)
        report = parity.check(folder / OPERATOR, reference, [found.variant], progress, read)
    arrays = {name: _array(value) for name, value in values.items() if value is not None}
    numpy.savez(folder / VALUES, allow_pickle=False, **arrays)
    (folder / REPORT).write_text(_text(found, report), encoding="utf-8")
    return report


def _node(found: Bisection, graph: Graph) -> Node | None:
    """The node that differs, where it can stand alone and the package was built from this graph."""
    first = found.first
    if first is None or first.index >= len(graph.nodes):
        return None
    node = graph.nodes[first.index]
    same = [value.name for value in node.outputs] == first.node["outputs"]
    return node if same and reproduce.stands_alone(node) else None


def _read(found: Bisection, graph: Graph, node: Node) -> dict[str, Tensor]:
    """What the node read: computed in the browser, given, prepared at load or a state."""
    at_load = Interpreter(Graph(nodes=graph.prepare), {})
    at_load.run({})
    tensors = (port for port in graph.inputs if port.kind == "tensor")
    values = at_load.values | {port.value: found.inputs[port.name] for port in tensors}
    read = {}
    for name, value in reproduce.operands(node):
        data = found.read.get(value.name, values.get(value, value.data))
        assert isinstance(data, Tensor)
        read[name] = data
    return read


def _array(value: Tensor) -> numpy.ndarray:
    """NumPy has no bfloat16: float32 holds the same numbers."""
    value = value.detach().resolve_conj().resolve_neg()
    array: numpy.ndarray = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    return array


def _text(found: Bisection, alone: Report | None) -> str:
    first = found.first
    assert first is not None
    where = " at ".join(first.node[key] for key in ("module", "source") if key in first.node)
    lines = [
        f"# `{first.node['op']}` differs from PyTorch",
        "",
        f"Node {first.index}, value `{first.value}`{f', {where}' if where else ''}.",
        f"wasm-torch-web {wasm_torch_web.__version__}, torch {torch.__version__}, {found.browser}, "
        f"{platform.system()} {platform.machine()}.",
        "",
        *_drawn(found.tables()),
        f"`{VALUES}` holds both values" + (" and what the operator read." if alone else "."),
    ]
    lines += ["", "## The operator alone", "", _summary(alone), ""]
    return "\n".join(lines + (_drawn([alone.table()]) if alone else []))


def _summary(alone: Report | None) -> str:
    if alone is None:
        return ABSENT
    result = DIFFERS if alone.failures() else AGREES
    return f"`{OPERATOR}/` is a package of it. On what it read in the browser it {result}"


def _drawn(tables: list[Table]) -> list[str]:
    """Tables as text."""
    terminal = Console(file=io.StringIO(), width=WIDTH, record=True, legacy_windows=False)
    for table in tables:
        terminal.print(table)
        terminal.print()
    lines = terminal.export_text().strip("\n").splitlines()
    return ["```", *(line.rstrip() for line in lines), "```", ""]
