"""A source in, its package with fewer bits and what it is next to the plain one out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from wasm_torch_web import bundle
from wasm_torch_web.benchmark.package import Configuration, Figures
from wasm_torch_web.benchmark.package import measure as bench
from wasm_torch_web.engine import load
from wasm_torch_web.errors import Kind, UserError, WtwError
from wasm_torch_web.footprint import measure as footprint
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.pipeline import BuildResult, Prepared
from wasm_torch_web.progress import Console, Line, Silent
from wasm_torch_web.quantize.calibration import calibration_runs
from wasm_torch_web.quantize.choice import Choice
from wasm_torch_web.quantize.drift import worst
from wasm_torch_web.quantize.functions import SCORED, UserFunction
from wasm_torch_web.quantize.package import check_alone, compare, requantized
from wasm_torch_web.quantize.report import PLAIN, Comparison, Variant
from wasm_torch_web.quantize.sensitivity import Layer
from wasm_torch_web.quantize.spec import Spec
from wasm_torch_web.request import Request
from wasm_torch_web.verify.reference import Flat


@dataclass(frozen=True)
class Wanted:
    """What `optimize` is asked for.

    Attributes:
        calibration: words of `--calibration`.
        evaluate: the function of `--eval`.
        others: kinds to set beside it, which are built and measured but not kept.
    """

    spec: Spec
    calibration: Sequence[str] = ()
    evaluate: str | None = None
    others: Sequence[str] = ()


def optimize(
    request: Request,
    wanted: Wanted,
    console: Console,
    *,
    out: Path,
    verify: bool = True,
    force: bool = False,
) -> tuple[BuildResult, Comparison]:
    """Builds both. Raises UserError quantize-kind, -size, -skip, function-failed,
    calibration-empty and what `build` raises; WtwError quantize-drift, quantize-accuracy. Where
    outputs differ from the reference, the result says so."""
    wanted.spec.check()
    bundle.check_replaceable(out, force)
    package = Path(str(request.source))
    with TemporaryDirectory() as scratch:
        work = _Work(wanted, Line(console), Path(scratch), verify)
        if manifests.is_ours(package):
            return work.requantized(package, out, force)
        return work.optimized(Prepared(request, work.line), out, force)


@dataclass
class _Work:
    wanted: Wanted
    line: Line
    scratch: Path
    verify: bool
    score: UserFunction | None = field(init=False)

    def __post_init__(self) -> None:
        evaluate = self.wanted.evaluate
        self.score = None if evaluate is None else UserFunction("--eval", evaluate, SCORED)

    def optimized(
        self, prepared: Prepared, out: Path, force: bool
    ) -> tuple[BuildResult, Comparison]:
        with self.line.step(PLAIN):
            plain = self.packed(prepared)
            plain_score = self.scored(plain.out)
        runs = calibration_runs(self.wanted.calibration, plain.manifest)
        choice = prepared.choose(
            self.wanted.spec, runs, lambda tried: self.judged(prepared, tried), explain=True
        )
        score = self.judged(prepared, choice) if self.score else None
        self.check(score, plain_score)
        result = prepared.package(out, choice, self.verify, force)
        with self.line.step("measure"):
            variants = [
                self.variant(PLAIN, plain.out, plain.manifest, 0.0, plain_score),
                *(self.beside(prepared, kind, runs) for kind in self.wanted.others),
                self.made(result, score),
            ]
        return self.compared(result, variants, choice.layers, len(runs))

    def beside(self, prepared: Prepared, kind: str, runs: Sequence[Flat]) -> Variant:
        """One way for all weights, whatever that does."""
        asked = self.wanted.spec
        choice = prepared.choose(Spec(kind, asked.skip, observer=asked.observer), runs)
        tried = self.packed(prepared, choice)
        score = self.scored(tried.out)
        return self.variant(kind, tried.out, tried.manifest, worst(choice.drift), score)

    def requantized(self, package: Path, out: Path, force: bool) -> tuple[BuildResult, Comparison]:
        """From a package alone, which may be the one that is replaced."""
        spec, plain = self.wanted.spec, manifests.read(package)
        check_alone(package, plain, spec)
        plain_score = self.scored(package)
        runs = calibration_runs(self.wanted.calibration, plain)
        with self.line.step("measure"):
            kind = "before" if plain.get("quantized") else PLAIN
            before = self.variant(kind, package, plain, 0.0, plain_score)
        with bundle.staged(out, force) as folder:
            result = requantized(package, spec, runs, self.line, folder, out)
            score = self.scored(folder)
            self.check(score, plain_score)
            if self.verify:
                with self.line.step("verify"):
                    compare(result, folder, self.line.console)
        with self.line.step("measure"):
            after = self.made(result, score)
        return self.compared(result, [before, after], [], len(runs))

    def compared(
        self, result: BuildResult, variants: list[Variant], layers: list[Layer], runs: int
    ) -> tuple[BuildResult, Comparison]:
        result.seconds = dict(self.line.seconds)
        metric = None if self.score is None else self.score.spec
        return result, Comparison(variants, layers, result.weights, metric, runs)

    def packed(self, prepared: Prepared, choice: Choice | None = None) -> BuildResult:
        """A package in a folder of its own, without a word."""
        out = self.scratch / ("tried" if choice else "plain")
        return prepared.package(out, choice, verify=False, force=True, line=Line(Silent()))

    def judged(self, prepared: Prepared, choice: Choice) -> float:
        """The score of a model with these weights: of a package, as it will be."""
        score = self.scored(self.packed(prepared, choice).out)
        assert score is not None
        return score

    def scored(self, package: Path) -> float | None:
        """None where nobody asks."""
        if self.score is None:
            return None
        with load(package) as model:
            return self.score.score(model.run)

    def check(self, score: float | None, plain: float | None) -> None:
        """Raises WtwError quantize-accuracy."""
        least = self.wanted.spec.min_accuracy
        if least is not None and score is not None and score < least:
            scores = {"score": f"{score:g}", "plain": f"{plain:g}", "least": f"{least:g}"}
            raise WtwError("quantize-accuracy", function=self.wanted.evaluate, **scores)

    def made(self, result: BuildResult, score: float | None) -> Variant:
        """What was asked for."""
        kind, error = self.wanted.spec.kind, worst(result.drift)
        return self.variant(kind, result.out, result.manifest, error, score)

    def variant(
        self, kind: str, package: Path, manifest: Manifest, error: float, score: float | None
    ) -> Variant:
        size = footprint(package, manifest)
        figures = timed(package, self.line.console) if self.verify else None
        return Variant(kind, size, error, score, figures)


def timed(package: Path, console: Console) -> Figures | None:
    """On one thread: those of a busy machine differ too much otherwise. None where there is no
    browser, which is told."""
    try:
        report = bench(package, [Configuration(None, 1)], progress=console.detail)
    except UserError as error:
        if error.kind is not Kind.ENVIRONMENT:
            raise
        console.notice(f"Not timed: {error.message}.")
        return None
    return report.figures[0]
