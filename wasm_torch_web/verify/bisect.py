"""A package and the program it was built from in, the first operator where they part out.

PyTorch runs the program node by node; the browser keeps every value of a run. Values carry the FX
node's name through lowering and all passes, so that the two meet by name; values that a pass made
have no counterpart and are told as such.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.markup import escape
from rich.table import Table
from torch import Tensor
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, InputKind
from torch.fx import Interpreter
from torch.fx import Node as FxNode

from wasm_torch_web import capture
from wasm_torch_web.console import columns
from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.verify import golden
from wasm_torch_web.verify.chromium import apart, launched
from wasm_torch_web.verify.compare import OutputError, compare
from wasm_torch_web.verify.parity import Progress
from wasm_torch_web.verify.reference import Flat
from wasm_torch_web.verify.session import BrowserModel, open_package

BEFORE, AFTER = 6, 3  # rows around the first difference


@dataclass(frozen=True)
class Finding:
    """One output of one node; `error` is None where PyTorch has no value of that name."""

    index: int
    node: dict[str, Any]
    value: str
    error: OutputError | None

    @property
    def differs(self) -> bool:
        """Whether browser and PyTorch part here."""
        return self.error is not None and not self.error.passed


@dataclass(frozen=True)
class Bisection:
    """What was compared, in execution order, up to a few nodes after the first difference."""

    variant: str
    findings: list[Finding]

    @property
    def first(self) -> Finding | None:
        """The first value that differs."""
        return next((finding for finding in self.findings if finding.differs), None)

    def table(self) -> Table:
        """The values around the first difference; the last ones where there is none."""
        first = self.findings.index(self.first) if self.first else len(self.findings) - AFTER
        title = f"{self.variant}: {'first difference' if self.first else 'no difference'}"
        table = columns(title, "node>", "operator", "value", "max abs>", "max rel>", "", "where")
        for finding in self.findings[max(0, first - BEFORE) : first + AFTER + 1]:
            table.add_row(*_cells(finding), style="bold" if finding is self.first else None)
        return table

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        first = self.first
        if first is None:
            return {"variant": self.variant, "compared": len(self.findings), "first": None}
        node = {key: first.node[key] for key in ("op", "module", "source") if key in first.node}
        return {
            "variant": self.variant,
            "compared": len(self.findings),
            "first": {"index": first.index, "value": first.value, **node},
        }


def bisect(
    package: Path,
    program: ExportedProgram,
    variant: str | None = None,
    progress: Progress = lambda step: None,
) -> Bisection:
    """Compares every value of a run on the golden inputs, until a few after the first difference.

    Raises UserError source-differs where the program has none of the package's values.
    """
    manifest = manifests.read(package)
    inputs = golden.read_inputs(package, manifest, 0)
    progress("PyTorch: every operator")
    expected = record(program, inputs)
    if not any(name in expected for node in manifest["graph"]["nodes"] for name in node["outputs"]):
        reason = "no operator has the same name"
        raise UserError("source-differs", source="this", package=package, reason=reason)
    return _in_chromium(package, inputs, _not_drawn(manifest, expected), variant, progress)


def _not_drawn(manifest: Manifest, expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without the values that follow from random numbers: PyTorch has others."""
    drawn: set[str] = set()
    for node in manifest["graph"]["nodes"]:
        if node["op"] == "random" or not drawn.isdisjoint(node["inputs"]):
            drawn.update(node["outputs"])
    return {name: value for name, value in expected.items() if name not in drawn}


@apart
def _in_chromium(
    package: Path,
    inputs: Flat,
    expected: dict[str, Tensor],
    variant: str | None,
    progress: Progress,
) -> Bisection:
    with launched() as browser, open_package(browser, package) as model:
        taken = model.load(variant, debug=True)["variant"]
        model.run(inputs, debug=True)
        manifest = manifests.read(package)
        return Bisection(taken, _until_difference(manifest, model, expected, progress))


def record(program: ExportedProgram, inputs: Flat) -> dict[str, Tensor]:
    """The value of every operator of the decomposed program, by its name in the manifest."""
    decomposed = capture.decompose(program)
    recorder = _Recorder(decomposed.graph_module)
    with torch.no_grad():
        recorder.run(*_arguments(decomposed, inputs))
    return recorder.values


class _Recorder(Interpreter):
    """Keeps what every node gives; the parts of a tuple are `name.0`, `name.1` ..."""

    def __init__(self, module: torch.fx.GraphModule) -> None:
        super().__init__(module)
        self.values: dict[str, Tensor] = {}

    def run_node(self, n: FxNode) -> Any:
        result = super().run_node(n)
        if n.op == "call_function":
            parts = result if isinstance(result, (tuple, list)) else [result]
            for index, part in enumerate(parts):
                if isinstance(part, Tensor):
                    self.values[f"{n.name}.{index}" if parts is result else n.name] = part
        return result


def _arguments(program: ExportedProgram, inputs: Flat) -> Iterator[Any]:
    """What the graph's placeholders take: weights and buffers by target, inputs by name."""
    held = {**program.state_dict, **program.constants}
    for spec in program.graph_signature.input_specs:
        if spec.kind != InputKind.USER_INPUT:
            yield held[spec.target] if spec.target is not None else None
        elif isinstance(spec.arg, ConstantArgument):
            yield spec.arg.value
        else:
            yield inputs[spec.arg.name]


def _until_difference(
    manifest: Manifest, model: BrowserModel, expected: dict[str, Tensor], progress: Progress
) -> list[Finding]:
    findings: list[Finding] = []
    last = None
    for index, node in enumerate(manifest["graph"]["nodes"]):
        progress(f"Chromium: operator {index}, {node['op']}")
        for output, name in enumerate(node["outputs"]):
            error = None
            if name in expected:
                error = compare(name, expected[name], model.peek(index, output))
            findings.append(Finding(index, node, name, error))
        if last is None and any(finding.differs for finding in findings):
            last = index + AFTER
        if index == last:
            break
    return findings


def _cells(finding: Finding) -> list[str]:
    node, error = finding.node, finding.error
    where = " ".join(node.get(key, "") for key in ("module", "source")).strip()
    named = [str(finding.index), node["op"], escape(finding.value)]
    if error is None:
        return [*named, "", "", "[dim]not in PyTorch[/]", escape(where)]
    verdict = "[green]ok[/]" if error.passed else f"[red]differs[/] {escape(error.note)}"
    return [*named, f"{error.max_abs:.2e}", f"{error.max_rel:.2e}", verdict, escape(where)]
