"""A package and PyTorch in, a report of how far they are apart in Chromium out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from playwright.sync_api import Browser

from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.verify import golden
from wasm_torch_web.verify.chromium import apart, describe, launched
from wasm_torch_web.verify.compare import OutputError, compare, wrong
from wasm_torch_web.verify.reference import Flat, Reference
from wasm_torch_web.verify.report import Report, Run
from wasm_torch_web.verify.session import BrowserModel, open_package
from wasm_torch_web.verify.trials import Trial, trials

Progress = Callable[[str], None]


@apart
def check(
    package: Path,
    reference: Reference,
    variants: Sequence[str] | None = None,
    progress: Progress = lambda step: None,
    example: Flat | None = None,
) -> Report:
    """Runs the package's own index.js in Chromium on known and fresh inputs, next to PyTorch.

    The known inputs are `example`, where the source is at hand, else the golden ones (for which
    large inputs are replaced). `variants` are tried in turn in one browser; None is what `load()` takes by itself. `progress`
    is told each step in words. Raises UserError no-chromium, browser-failed.
    """
    with launched() as browser:
        return check_in(browser, package, reference, variants, progress, example)


def check_in(
    browser: Browser,
    package: Path,
    reference: Reference,
    variants: Sequence[str] | None = None,
    progress: Progress = lambda step: None,
    example: Flat | None = None,
) -> Report:
    """`check` in a browser that runs already."""
    report = Report(describe(browser))
    expected = _expected(package, reference, report, progress, example)
    with open_package(browser, package) as model:
        asked: Sequence[str | None] = variants or [None]
        for variant in asked:
            info = model.load(variant)
            report.variants[info["variant"]] = info["why"]
            for trial, outputs in expected:
                progress(f"{info['variant']}: {trial.title}")
                report.runs += _compare(model, info["variant"], trial, outputs)
    return report


def _expected(
    package: Path, reference: Reference, report: Report, progress: Progress, example: Flat | None
) -> list[tuple[Trial, list[Flat]]]:
    """The trials with PyTorch's outputs; what PyTorch itself refuses is skipped, and reported."""
    manifest = manifests.read(package)
    found = trials(manifest, example or golden.read_inputs(package, manifest, 0))
    expected = []
    for trial in found:
        progress(f"PyTorch: {trial.title}")
        try:
            expected.append((trial, reference(trial.runs)))
        except UserError as error:
            if trial is found[0]:  # these inputs are the user's
                raise
            report.skipped.append(f"{trial.title}: {error.message}")
    return expected


def _compare(
    model: BrowserModel, variant: str, trial: Trial, expected: Sequence[Flat]
) -> Iterator[Run]:
    model.reset()
    for inputs, outputs in zip(trial.runs, expected, strict=True):
        given, milliseconds = model.run(inputs)
        yield Run(variant, trial.title, milliseconds, tuple(_errors(outputs, given)))


def _errors(expected: Flat, given: Flat) -> list[OutputError]:
    return [
        compare(name, value, given[name]) if name in given else wrong(name, "missing")
        for name, value in expected.items()
    ]
