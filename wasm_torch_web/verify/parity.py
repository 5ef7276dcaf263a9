"""A package and PyTorch in, a report of how far they are apart in Chromium out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser

from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.verify import golden
from wasm_torch_web.verify.chromium import apart, describe, launched
from wasm_torch_web.verify.compare import OutputError, compare, excuse, wrong
from wasm_torch_web.verify.reference import Eager, Flat, Reference
from wasm_torch_web.verify.report import Report, Run
from wasm_torch_web.verify.session import BrowserModel, open_package
from wasm_torch_web.verify.trials import Trial, trials

Progress = Callable[[str], None]
Exact = Callable[[Sequence[Flat]], list[Flat] | None]


@dataclass
class Expected:
    """What PyTorch gives: trials with the outputs of their runs; `skipped` are those it refuses.

    `exact` gives the outputs of a trial's runs in float64, where the model can run so.
    """

    exact: Exact = lambda runs: None
    trials: list[tuple[Trial, list[Flat]]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def check(
    package: Path,
    reference: Reference,
    variants: Sequence[str] | None = None,
    progress: Progress = lambda step: None,
    example: Flat | None = None,
) -> Report:
    """Runs the package's own index.js in Chromium on known and fresh inputs, next to PyTorch.

    The known inputs are `example`, where the source is at hand, else the golden ones (for which
    large inputs are replaced). `variants` are tried in turn in one browser; None is what `load()`
    takes by itself. `progress` is told each step in words. Raises UserError no-chromium,
    browser-failed.
    """
    expected = expect(package, reference, progress, example)
    return _launch_and_compare(package, expected, variants, progress)


def expect(
    package: Path, reference: Reference, progress: Progress, example: Flat | None = None
) -> Expected:
    """PyTorch's outputs for every trial."""
    manifest = manifests.read(package)
    expected = Expected(reference.in_float64) if isinstance(reference, Eager) else Expected()
    for trial in trials(manifest, example or golden.read_inputs(package, manifest, 0)):
        progress(f"PyTorch: {trial.title}")
        try:
            expected.trials.append((trial, reference(trial.runs)))
        except UserError as error:
            if not expected.trials:  # the known inputs are the user's own
                raise
            expected.skipped.append(f"{trial.title}: {error.message}")
    return expected


def compare_in(
    browser: Browser,
    package: Path,
    expected: Expected,
    variants: Sequence[str] | None,
    progress: Progress,
) -> Report:
    """What the browser gives for the same trials, compared."""
    report = Report(describe(browser), skipped=expected.skipped)
    asked: Sequence[str | None] = variants or [None]
    with open_package(browser, package) as model:
        for variant in asked:
            info = model.load(variant)
            report.variants[info["variant"]] = info["why"]
            for trial, outputs in expected.trials:
                progress(f"{info['variant']}: {trial.title}")
                report.runs += _compare(model, info["variant"], trial, outputs, expected.exact)
    return report


@apart
def _launch_and_compare(
    package: Path, expected: Expected, variants: Sequence[str] | None, progress: Progress
) -> Report:
    with launched() as browser:
        return compare_in(browser, package, expected, variants, progress)


def _compare(
    model: BrowserModel, variant: str, trial: Trial, expected: Sequence[Flat], exact: Exact
) -> Iterator[Run]:
    model.reset()
    ran = [model.run(inputs) for inputs in trial.runs]
    found = [_errors(outputs, given) for outputs, (given, _) in zip(expected, ran, strict=True)]
    differing = any(not error.passed for errors in found for error in errors)
    if differing and (truth := exact(trial.runs)):
        found = [
            [excuse(e, outputs[e.name], given.get(e.name, 0), true[e.name]) for e in errors]
            for errors, outputs, (given, _), true in zip(found, expected, ran, truth, strict=True)
        ]
    for errors, (_, milliseconds) in zip(found, ran, strict=True):
        yield Run(variant, trial.title, milliseconds, tuple(errors))


def _errors(expected: Flat, given: Flat) -> list[OutputError]:
    return [
        compare(name, value, given[name]) if name in given else wrong(name, "missing")
        for name, value in expected.items()
    ]
