"""The straight line: a source in, a verified npm package out.

load - capture - compile (lower, simplify) - [quantize] - arrange - write (files, golden) - pack -
verify - rename
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.export import ExportedProgram

from wasm_torch_web import bundle
from wasm_torch_web.axes import sizes_that_follow
from wasm_torch_web.compiler import Compiled, compile_program, simplified
from wasm_torch_web.opening import Opened, axes_for, capture_source
from wasm_torch_web.ops.table import INTS
from wasm_torch_web.packaging import BuildResult, Packaging
from wasm_torch_web.preprocess import Given
from wasm_torch_web.progress import Console, Line, Silent
from wasm_torch_web.quantize.choice import Choice, Judge, choose
from wasm_torch_web.quantize.spec import Spec
from wasm_torch_web.request import Request
from wasm_torch_web.sources import Source, load
from wasm_torch_web.verify.reference import Flat

SLOW = 10.0  # seconds until weights are final; a longer build says what they went into


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
    request = Request(
        source,
        example_inputs,
        model,
        inputs,
        dynamic,
        imports,
        trust_pickle,
        preprocess,
        labels,
        scores,
        tokenizer,
        name,
        version,
        license,
        author,
        source_info,
    )
    spec = None if quantize is None else Spec(quantize, tuple(skip), max_error)
    if spec is not None:
        spec.check()
    bundle.check_replaceable(Path(out), force)
    prepared = Prepared(request, Line(console or Silent()))
    choice = None if spec is None else prepared.choose(spec)
    return prepared.package(Path(out), choice, verify, force)


class Prepared:
    """A source behind load, capture and the first half of the compiler: any number of packages can
    be made of it, which differ in how weights are stored."""

    def __init__(self, request: Request, line: Line) -> None:
        """Errors: those of `Request.check`, `sources.load`, `capture_source`, `simplified`."""
        request.check()
        self.request, self.line = request, line
        with line.step("load"):
            self.source = load(request.source, request.options, request.examples)
            for notice in self.source.notices:
                line.notice(notice)
        with line.step("capture"):
            self.opened = self._capture()
        with line.step("compile"):
            self.example = self.opened.example()
            self.compiled = self._compile()
        self._explain_slowness()

    def choose(
        self,
        spec: Spec,
        runs: Sequence[Flat] = (),
        judge: Judge | None = None,
        explain: bool = False,
    ) -> Choice:
        """How each weight is stored. Arguments and errors: those of `quantize.choice.choose`."""
        with self.line.step("quantize"):
            given = self.compiled.graph, self.opened.reference(), self.example, spec
            return choose(*given, self.line.console, runs, judge, explain)

    def package(
        self,
        out: Path,
        choice: Choice | None = None,
        verify: bool = True,
        force: bool = False,
        line: Line | None = None,
    ) -> BuildResult:
        """Writes one; `choice` says how weights are stored, `line` who else is told."""
        line = line or self.line
        given = self.request, self.source, self.opened, self.compiled, self.example, choice
        with bundle.staged(out, force) as folder:
            work = Packaging(*given, out, folder, line)
            work.run(work.arrange, work.write, work.pack, *([work.verify] if verify else []))
        work.result.seconds = dict(line.seconds)
        return work.result

    def _capture(self) -> Opened:
        axes = axes_for(self.source, self.request.dynamic, self.request.like)
        if axes:
            self.line.console.detail("dynamic: " + ", ".join(axis.name for axis in axes))
        return capture_source(self.source, axes, self.line.notice)

    def _compile(self) -> Compiled:
        eager = self.opened.reference(), self.example
        compiled = simplified(self.opened.program, self.opened.axes, eager)
        for constant, value in compiled.signature.constants.items():
            text = f"The input {constant} is fixed to {value}: torch.export made it a constant."
            self.line.notice(text)
        _attach_ranges(compiled, self.source, self.example)
        return compiled

    def _explain_slowness(self) -> None:
        """Says which dynamic axis a slow build is for."""
        seconds = sum(self.line.seconds.values())
        if seconds < SLOW or not self.opened.axes:
            return
        for axis, count in sizes_that_follow(self.opened.program, self.opened.axes).most_common(1):
            self.line.notice(
                f"This took {seconds:.0f} s so far, most of it for the dynamic axis {axis}: "
                f"{count} sizes follow from it. With a fixed size the model builds faster."
            )


def _attach_ranges(model: Compiled, source: Source, example: Flat) -> None:
    """Inputs carry the range that random values are drawn from: the user's where it is of whole
    numbers, else, for integers, from the example's smallest to its largest."""
    for port in model.graph.inputs:
        given = example[port.name]
        if port.name in source.ranges:
            low, high = source.ranges[port.name]
            if float(low).is_integer() and float(high).is_integer():
                port.range = (int(low), int(high))
        elif isinstance(given, Tensor) and given.numel() and given.dtype in INTS:
            port.range = (int(given.min()), int(given.max()))


__all__ = ["BuildResult", "Compiled", "Console", "Prepared", "build", "compile_program"]
