"""The straight line: a source in, a verified npm package out.

load - capture - compile (lower, passes) - write (files, golden) - pack - verify - rename
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor, nn
from torch.export import ExportedProgram

from wasm_torch_web import bundle, card
from wasm_torch_web.axes import parse_dynamic, sizes_that_follow
from wasm_torch_web.compiler import Compiled, compile_program, lowered
from wasm_torch_web.drawn import Replay
from wasm_torch_web.errors import Kind, UserError
from wasm_torch_web.extras import Extras
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format import writer
from wasm_torch_web.ir import Graph
from wasm_torch_web.opening import Opened, capture_source
from wasm_torch_web.ops.table import INTS
from wasm_torch_web.passes import Step
from wasm_torch_web.preprocess import Given
from wasm_torch_web.provenance import provenance
from wasm_torch_web.quantize import drift
from wasm_torch_web.quantize.apply import mix_of
from wasm_torch_web.quantize.drift import Drift
from wasm_torch_web.quantize.reference import quantized_reference, seeded
from wasm_torch_web.quantize.spec import Spec
from wasm_torch_web.quantize.way import Weight
from wasm_torch_web.sources import Options, Source, load
from wasm_torch_web.tokenizer import find as find_tokenizer
from wasm_torch_web.verify import golden, parity
from wasm_torch_web.verify.reference import Flat, Reference
from wasm_torch_web.verify.report import Report
from wasm_torch_web.verify.trials import trials

SLOW = 10.0  # seconds until the package is written; a longer build says what they went into


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
class BuildResult:
    """What a build made.

    Attributes:
        verification: `passed`, `skipped` (asked for), `unavailable` (no Chromium) or `failed`.
        report: the comparison, where one was made.
        problem: why it was unavailable.
        reference: what the package is compared with, under its names: eager PyTorch, or what
            quantised weights make of the model.
        example: the example inputs under those names.
        weights: with `quantize`, what became of each.
        drift: with `quantize`, how far that moves the outputs from those of the model as it was.
        seconds: step title -> seconds.
        steps: what each pass did.
    """

    out: Path
    manifest: manifests.Manifest
    steps: list[Step]
    notices: list[str]
    reference: Reference
    example: Flat
    weights: list[Weight] = field(default_factory=list)
    drift: list[Drift] = field(default_factory=list)
    verification: str = "skipped"
    report: Report | None = None
    problem: UserError | None = None
    seconds: dict[str, float] = field(default_factory=dict)


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
    preprocess: Given = (),
    labels: str | Path | None = None,
    scores: str = "softmax",
    tokenizer: str | Path | None = None,
    name: str | None = None,
    version: str | None = None,
    license: str | None = None,
    author: str | None = None,
    quantize: str | None = None,
    skip: Sequence[str] = (),
    max_error: float | None = None,
    verify: bool = True,
    force: bool = False,
    source_info: bool = True,
    console: Console | None = None,
) -> BuildResult:
    """Builds an npm package in the folder `out`; the arguments are those of the command line.

    `source` is a path, a module or an exported program; `example_inputs` a tuple of arguments, a
    dict of keyword arguments, or (args, kwargs); `preprocess` words of `--preprocess`, or a dict
    from input name to such words or to torchvision's transforms. Raises UserError for what the
    caller can mend; outputs that differ from PyTorch are reported in the result, and the package
    stays.
    """
    options = Options(model, tuple(inputs), tuple(imports), trust_pickle)
    target, line = Path(out), _Line(console or Silent())
    vocabulary = None if tokenizer is None else Path(tokenizer)
    extras = Extras(preprocess, None if labels is None else str(labels), scores, vocabulary)
    fewer_bits = None if quantize is None else Spec(quantize, tuple(skip), max_error)
    given = (source, example_inputs, options, dynamic, extras, fewer_bits)
    work = _Build(*given, target, name, version, license, author, source_info, line)
    work.check(force)
    work.run(work.load, work.capture, work.compile)
    with bundle.staged(target, force) as work.folder:
        work.run(work.write, work.pack, *([work.verify] if verify else []))
    work.result.seconds = line.seconds
    return work.result


@dataclass
class _Build:
    """What was asked for, then what each step leaves for the ones after it."""

    given: str | Path | nn.Module | ExportedProgram
    examples: Any
    options: Options
    dynamic: Sequence[str]
    extras: Extras
    quantize: Spec | None
    out: Path
    name: str | None
    version: str | None
    license: str | None
    author: str | None
    source_info: bool
    line: _Line
    source: Source = field(init=False)
    opened: Opened = field(init=False)
    compiled: Compiled = field(init=False)
    example: Flat = field(init=False)
    provenance: dict[str, Any] | None = field(init=False)
    folder: Path = field(init=False)
    result: BuildResult = field(init=False)

    def run(self, *steps: Callable[[], None]) -> None:
        for step in steps:
            with self.line.step(step.__name__):
                step()

    def check(self, force: bool) -> None:
        if self.name is not None:
            bundle.check_name(self.name)
        if self.version is not None:
            bundle.check_version(self.version)
        card.fields(self.license, self.author, None)
        bundle.check_replaceable(self.out, force)
        self.extras.check()
        if self.quantize is not None:
            self.quantize.check()

    def load(self) -> None:
        self.source = load(self.given, self.options, self.examples)
        given = self.source, self.options, self.dynamic, self.extras, self.quantize
        self.provenance = provenance(*given) if self.source_info else None
        for notice in self.source.notices:
            self.line.notice(notice)

    def capture(self) -> None:
        axes = [parse_dynamic(spec) for spec in self.dynamic]
        if axes:
            self.line.console.detail("dynamic: " + ", ".join(axis.name for axis in axes))
        self.opened = capture_source(self.source, axes, self.line.notice)

    def compile(self) -> None:
        self.example = self.opened.example()
        eager = self.opened.reference(), self.example
        self.compiled = compile_program(self.opened.program, self.opened.axes, eager, self.quantize)
        for constant, value in self.compiled.signature.constants.items():
            text = f"The input {constant} is fixed to {value}: torch.export made it a constant."
            self.line.notice(text)
        _attach_ranges(self.compiled.graph, self.source, self.example)

    def explain_slowness(self) -> None:
        """Says which dynamic axis a slow build is for."""
        seconds = sum(self.line.seconds.values())
        if seconds < SLOW or not self.opened.axes:
            return
        for axis, count in sizes_that_follow(self.opened.program, self.opened.axes).most_common(1):
            self.line.notice(
                f"This took {seconds:.0f} s so far, most of it for the dynamic axis {axis}: "
                f"{count} sizes follow from it. With a fixed size the model builds faster."
            )

    def write(self) -> None:
        self.explain_slowness()
        manifest = writer.write(
            self.compiled.graph,
            self.folder,
            name=self.name or bundle.suggest_name(self.source.name),
            version=self.version or "0.1.0",
            parameters=self.compiled.parameters,
            source_info=self.source_info,
            provenance=self.provenance,
            about=card.fields(self.license, self.author, self.source.card),
        )
        for notice in self.extras.attach(manifest, self.source):
            self.line.notice(notice)
        steps, notices = self.compiled.steps, self.line.notices
        reference = self.opened.reference()
        self.result = BuildResult(self.out, manifest, steps, notices, reference, self.example)
        if self.quantize is not None:
            self.measure_drift(self.quantize)
        cases = golden.make_cases(manifest, [self.example], self.golden_reference())
        golden.write(self.folder, manifest, cases)

    def measure_drift(self, spec: Spec) -> None:
        """Verification compares with the quantised model: what that is worth is told beside."""
        result, eager = self.result, self.opened.reference()
        mix = mix_of(self.compiled.weights)
        result.reference = quantized_reference(self.opened, replace(spec, mix=mix))
        runs = [run for one in trials(result.manifest, self.example)[:2] for run in one.runs]
        drawn = golden.drawn(result.manifest)
        result.weights = self.compiled.weights
        result.drift = drift.measure(eager, result.reference, runs, drawn)
        drift.check(result.drift, spec.max_error)
        result.manifest["quantized"] = spec.entry(mix, [one.to_json() for one in result.drift])

    def golden_reference(self) -> Reference:
        """What verification compares with; outputs that are drawn, with the package's own random
        numbers."""
        reference = self.result.reference
        if self.quantize is not None:
            return seeded(reference)
        if not any(port.drawn for port in self.compiled.graph.outputs):
            return reference
        return Replay(reference, lowered(self.opened.program, self.opened.axes))

    def pack(self) -> None:
        own, given = self.source.tokenizer, self.extras.tokenizer
        tokenizer = own if given is None else find_tokenizer(given)
        bundle.pack(self.folder, tokenizer=tokenizer, card=self.source.card)

    def verify(self) -> None:
        result, progress = self.result, self.line.console.detail
        try:
            result.report = parity.check(
                self.folder, result.reference, progress=progress, example=self.example
            )
        except UserError as error:
            if error.kind is not Kind.ENVIRONMENT:
                raise
            result.verification, result.problem = "unavailable", error
            return
        result.verification = "passed" if result.report.passed else "failed"
        if result.report.passed:
            result.report.mark(result.manifest)
            bundle.seal(self.folder, result.manifest)


def _attach_ranges(graph: Graph, source: Source, example: Flat) -> None:
    """Inputs carry the range that random values are drawn from: the user's where it is of whole
    numbers, else, for integers, from the example's smallest to its largest."""
    for port in graph.inputs:
        given = example[port.name]
        if port.name in source.ranges:
            low, high = source.ranges[port.name]
            if float(low).is_integer() and float(high).is_integer():
                port.range = (int(low), int(high))
        elif isinstance(given, Tensor) and given.numel() and given.dtype in INTS:
            port.range = (int(given.min()), int(given.max()))


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
