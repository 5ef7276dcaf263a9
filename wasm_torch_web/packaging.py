"""A simplified graph and how its weights are stored in, a verified npm package out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from wasm_torch_web import bundle, card
from wasm_torch_web.compiler import Compiled, arranged, lowered
from wasm_torch_web.copying import copied
from wasm_torch_web.drawn import Replay
from wasm_torch_web.errors import Kind, UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format import writer
from wasm_torch_web.opening import Opened
from wasm_torch_web.passes import Step
from wasm_torch_web.progress import Line
from wasm_torch_web.provenance import provenance
from wasm_torch_web.quantize.choice import Choice
from wasm_torch_web.quantize.drift import Drift
from wasm_torch_web.quantize.reference import seeded, source_reference
from wasm_torch_web.quantize.way import Weight
from wasm_torch_web.request import Request
from wasm_torch_web.sources import Source
from wasm_torch_web.tokenizer import find as find_tokenizer
from wasm_torch_web.verify import golden, parity
from wasm_torch_web.verify.reference import Flat, Reference
from wasm_torch_web.verify.report import Report


@dataclass
class BuildResult:
    """What a build made.

    Attributes:
        verification: `passed`, `skipped` (asked for), `unavailable` (no Chromium), `failed`, or
            `wasmtime` where Chromium was compared with that, PyTorch not being at hand.
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


@dataclass
class Packaging:
    """What there is of a model, then what each step leaves for the ones after it."""

    request: Request
    source: Source
    opened: Opened
    compiled: Compiled
    example: Flat
    choice: Choice | None
    out: Path
    folder: Path
    line: Line
    result: BuildResult = field(init=False)

    def run(self, *steps: Callable[[], None]) -> None:
        """One after the other."""
        for step in steps:
            with self.line.step(step.__name__):
                step()

    def arrange(self) -> None:
        """Decides how and where it is computed, on a graph of its own."""
        graph = self.compiled.graph if self.choice is None else self.choice.graph
        self.compiled = arranged(replace(self.compiled, graph=copied(graph)))

    def write(self) -> None:
        """Plan, weights, golden data, manifest."""
        request, earlier = self.request, self.request.earlier
        told = request.license or earlier.get("license"), request.author or earlier.get("author")
        manifest = writer.write(
            self.compiled.graph,
            self.folder,
            name=request.name or earlier.get("name") or bundle.suggest_name(self.source.name),
            version=request.version or earlier.get("version") or "0.1.0",
            parameters=self.compiled.parameters,
            source_info=request.source_info,
            provenance=self._provenance(),
            about=card.fields(*told, self.source.card),
        )
        for notice in request.extras.attach(manifest, self.source):
            self.line.notice(notice)
        request.inherit(manifest)
        steps, notices = self.compiled.steps, self.line.notices
        reference = source_reference(self.opened)
        self.result = BuildResult(self.out, manifest, steps, notices, reference, self.example)
        if self.choice is not None:
            self._tell(self.choice)
        cases = golden.make_cases(manifest, [self.example], self._golden_reference())
        golden.write(self.folder, manifest, cases)

    def _provenance(self) -> manifests.Manifest | None:
        request = self.request
        if not request.source_info:
            return None
        spec = None if self.choice is None else self.choice.spec
        return provenance(self.source, request.options, request.dynamic, request.extras, spec)

    def _tell(self, choice: Choice) -> None:
        """Verification compares with the quantised model: what that is worth is told beside."""
        result = self.result
        result.reference = choice.reference
        result.weights, result.drift = choice.weights, choice.drift
        result.manifest["quantized"] = choice.entry()

    def _golden_reference(self) -> Reference:
        """What verification compares with; outputs that are drawn, with the package's own random
        numbers."""
        reference = self.result.reference
        if self.choice is not None:
            return seeded(reference)
        if not any(port.drawn for port in self.compiled.graph.outputs):
            return reference
        return Replay(reference, lowered(self.opened.program, self.opened.axes))

    def pack(self) -> None:
        """The rest of the npm package."""
        own, given = self.source.tokenizer, self.request.extras.tokenizer
        tokenizer = own if given is None else find_tokenizer(given)
        bundle.pack(self.folder, tokenizer=tokenizer, card=self.source.card)

    def verify(self) -> None:
        """In Chromium."""
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
