"""The straight line: a source in, a verified npm package out.

load - capture - lower - passes - write - golden - pack - verify - rename
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn
from torch.export import ExportedProgram

from wasm_torch_web import bundle, capture, passes, signature
from wasm_torch_web.errors import Kind, UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format import writer
from wasm_torch_web.guards import runtime_guards
from wasm_torch_web.ir import Graph
from wasm_torch_web.lower import lower
from wasm_torch_web.ops.table import INTS
from wasm_torch_web.passes import Step
from wasm_torch_web.sources import Options, Source, load
from wasm_torch_web.sources.training import refuse_training
from wasm_torch_web.verify import golden, parity
from wasm_torch_web.verify.reference import Flat, Reference, flat_reference
from wasm_torch_web.verify.report import Report


class Console(Protocol):
    """Who is told what goes on."""

    def step(self, title: str) -> None:
        """A new step of the build begins."""

    def detail(self, text: str) -> None:
        """Something inside the step that is worth a changing line."""

    def notice(self, text: str) -> None:
        """Something the user should know."""


class Silent:
    """A console that says nothing."""

    def step(self, title: str) -> None:
        """Nothing."""

    detail = notice = step


@dataclass
class Compiled:
    """A model between capture and files."""

    graph: Graph
    signature: signature.Signature
    steps: list[Step]
    parameters: int


@dataclass
class BuildResult:
    """What a build made.

    Attributes:
        verification: `passed`, `skipped` (asked for), `unavailable` (no Chromium) or `failed`.
        report: the comparison, where one was made.
        problem: why it was unavailable.
        reference: eager PyTorch with the package's names: what it is compared with.
        example: the example inputs under those names.
        seconds: step title -> seconds.
        steps: what each pass did.
    """

    out: Path
    manifest: manifests.Manifest
    steps: list[Step]
    notices: list[str]
    reference: Reference
    example: Flat
    verification: str = "skipped"
    report: Report | None = None
    problem: UserError | None = None
    seconds: dict[str, float] = field(default_factory=dict)


def compile_program(
    program: ExportedProgram, dynamic: Sequence[capture.DynamicAxis] = ()
) -> Compiled:
    """A captured program as an optimised graph with its layouts and memory decided.

    Errors: operators-unsupported and the others of `lower`, axis-specialised.
    """
    decomposed = capture.decompose(program)
    graph = lower(decomposed)
    sizes = capture.symbols(decomposed, dynamic)
    graph.symbols = sizes.symbols
    graph.substitute(sizes.ties)
    graph.guards = runtime_guards(program, capture.input_fakes(decomposed), graph.symbols)
    names = signature.read(program)
    parameters = sum(p.numel() for p in {id(p): p for p in program.parameters()}.values())
    return Compiled(graph, names, passes.run(graph), parameters)


def build(
    source: str | Path | nn.Module | ExportedProgram,
    example_inputs: Any = None,
    *,
    out: str | Path,
    model: str | None = None,
    inputs: Sequence[str] = (),
    dynamic: Sequence[str] = (),
    imports: Sequence[str] = (),
    trust_pickle: bool = False,
    name: str | None = None,
    version: str | None = None,
    verify: bool = True,
    force: bool = False,
    source_info: bool = True,
    console: Console | None = None,
) -> BuildResult:
    """Builds an npm package in the folder `out`; the arguments are those of the command line.

    `source` is a path, a module or an exported program; `example_inputs` a tuple of arguments, a
    dict of keyword arguments, or (args, kwargs). Raises UserError for what the caller can mend;
    outputs that differ from PyTorch are reported in the result, and the package stays.
    """
    target = Path(out)
    if name is not None:
        bundle.check_name(name)
    if version is not None:
        bundle.check_version(version)
    bundle.check_replaceable(target, force)
    line = _Line(console or Silent())
    with line.step("load"):
        options = Options(model, tuple(inputs), tuple(imports), trust_pickle)
        loaded = load(source, options, example_inputs)
        for notice in loaded.notices:
            line.notice(notice)
    with line.step("capture"):
        axes = [capture.parse_dynamic(spec) for spec in dynamic]
        program = capture_source(loaded, axes)
    with line.step("compile"):
        compiled = compile_program(program, axes)
        for constant, value in compiled.signature.constants.items():
            line.notice(
                f"The input {constant} is fixed to {value}: torch.export made it a constant."
            )
        example = compiled.signature.flatten_inputs(loaded.args, loaded.kwargs)
        _attach_ranges(compiled.graph, loaded, example)
    with bundle.staged(target, force) as folder:
        with line.step("write"):
            manifest = writer.write(
                compiled.graph,
                folder,
                name=name or loaded.name,
                version=version or "0.1.0",
                parameters=compiled.parameters,
                source_info=source_info,
            )
            reference = flat_reference(compiled.signature, loaded)
            golden.write(folder, manifest, golden.make_cases(manifest, [example], reference))
        with line.step("pack"):
            bundle.pack(folder)
        result = BuildResult(target, manifest, compiled.steps, line.notices, reference, example)
        if verify:
            with line.step("verify"):
                _verify(result, folder, reference, line)
    result.seconds = line.seconds
    return result


def capture_source(source: Source, axes: Sequence[capture.DynamicAxis]) -> ExportedProgram:
    """The source as a program: its own, or its module's with these dynamic axes.

    Errors: dynamic-on-archive, training-program and those of `capture.export_module`.
    """
    if source.program is not None:
        if axes:
            raise UserError("dynamic-on-archive")
        return source.program
    assert source.module is not None
    program = capture.export_module(source.module, source.args, source.kwargs, axes)
    refuse_training(program)
    return program


def _attach_ranges(graph: Graph, source: Source, example: Flat) -> None:
    """Integer inputs carry the range that random values are drawn from: the user's, or the
    smallest and the largest of the example."""
    for port in graph.inputs:
        given = example[port.name]
        if port.name in source.ranges:
            low, high = source.ranges[port.name]
            if float(low).is_integer() and float(high).is_integer():
                port.range = (int(low), int(high))
        elif isinstance(given, Tensor) and given.numel() and given.dtype in INTS:
            port.range = (int(given.min()), int(given.max()))


def _verify(result: BuildResult, folder: Path, reference: Reference, line: _Line) -> None:
    try:
        result.report = parity.check(
            folder, reference, progress=line.console.detail, example=result.example
        )
    except UserError as error:
        if error.kind is not Kind.ENVIRONMENT:
            raise
        result.verification, result.problem = "unavailable", error
        return
    result.verification = "passed" if result.report.passed else "failed"
    if result.report.passed:
        result.report.mark(result.manifest)
        manifests.write(folder, result.manifest)


class _Line:
    """Times the steps and collects notices."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.seconds: dict[str, float] = {}
        self.notices: list[str] = []

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        self.console.step(title)
        start = time.perf_counter()
        yield
        self.seconds[title] = time.perf_counter() - start

    def notice(self, text: str) -> None:
        self.notices.append(text)
        self.console.notice(text)


__all__ = ["BuildResult", "Compiled", "Console", "build", "compile_program"]
