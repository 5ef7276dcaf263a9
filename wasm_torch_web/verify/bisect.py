"""A package and the program it was built from in, the first operator where they part out, with
what a person needs to act on it: both values, the variants that differ, the operator alone.

PyTorch runs the program node by node; the browser keeps every value of a run. Values carry the FX
node's name through lowering and all passes, so that the two meet by name; values that a pass made
have no counterpart and are told as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.export.graph_signature import ConstantArgument, InputKind
from torch.fx import Interpreter
from torch.fx import Node as FxNode

from wasm_torch_web import capture
from wasm_torch_web.errors import UserError, WtwError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.variants import VARIANTS
from wasm_torch_web.verify import golden
from wasm_torch_web.verify.bisection import AFTER, Bisection, Finding
from wasm_torch_web.verify.chromium import apart, describe, launched
from wasm_torch_web.verify.compare import OutputError, compare
from wasm_torch_web.verify.parity import Progress
from wasm_torch_web.verify.reference import Flat
from wasm_torch_web.verify.session import BrowserModel, open_package


def bisect(
    package: Path,
    program: ExportedProgram,
    variant: str | None = None,
    progress: Progress = lambda step: None,
) -> Bisection:
    """Compares every value of a run on the golden inputs, until a few after the first difference;
    that one in every variant, unless one is chosen.

    Raises UserError source-differs where the program has none of the package's values,
    bisect-quantized.
    """
    manifest = manifests.read(package)
    if manifest.get("quantized"):
        raise UserError("bisect-quantized", package=package)
    inputs = golden.read_inputs(package, manifest, 0)
    progress("PyTorch: every operator")
    expected = record(program, inputs)
    if not any(name in expected for node in manifest["graph"]["nodes"] for name in node["outputs"]):
        reason = "no operator has the same name"
        raise UserError("source-differs", source="this", package=package, reason=reason)
    expected = _not_drawn(manifest, expected)
    others = () if variant else VARIANTS
    return _in_chromium(package, inputs, expected, variant, others, progress)


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
    others: Sequence[str],
    progress: Progress,
) -> Bisection:
    manifest = manifests.read(package)
    with launched() as browser, open_package(browser, package) as model:
        taken = model.load(variant, debug=True)["variant"]
        model.run(inputs, debug=True)
        findings = _until_difference(manifest, model, expected, progress)
        found = Bisection(describe(browser), taken, findings, inputs)
        first = found.first
        if first is None:
            return found
        truth = expected[first.value]
        found.expected, found.given = truth, model.peek(first.index, first.output)
        found.read.update(_read(manifest, model, first))
        for other in others:
            if other != taken:
                progress(f"{other}: operator {first.index}")
                found.others[other] = _in_variant(model, other, inputs, first, truth)
        return found


def _read(manifest: Manifest, model: BrowserModel, finding: Finding) -> dict[str, Tensor]:
    """What the nodes before this one made for it."""
    return {
        name: model.peek(index, output)
        for index, node in enumerate(manifest["graph"]["nodes"][: finding.index])
        for output, name in enumerate(node["outputs"])
        if name in finding.node["inputs"]
    }


def _in_variant(
    model: BrowserModel, variant: str, inputs: Flat, finding: Finding, truth: Tensor
) -> OutputError | str:
    """The error of the same value; why there is none where the variant cannot run here."""
    try:
        model.load(variant, debug=True)
        model.run(inputs, debug=True)
    except WtwError as error:
        return error.message
    return compare(finding.value, truth, model.peek(finding.index, finding.output))


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
            findings.append(Finding(index, node, output, name, error))
        if last is None and any(finding.differs for finding in findings):
            last = index + AFTER
        if index == last:
            break
    return findings
