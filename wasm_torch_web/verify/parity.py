"""A package and PyTorch in, a report of how far they are apart in Chromium out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import Browser

from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.verify import golden
from wasm_torch_web.verify.chromium import apart, describe, launched
from wasm_torch_web.verify.compare import TOLERANCE, OutputError, compare, excuse, wrong
from wasm_torch_web.verify.drawn import RUNS, compare_drawn
from wasm_torch_web.verify.reference import Flat, Reference, Truth
from wasm_torch_web.verify.report import Report, Run
from wasm_torch_web.verify.session import BrowserModel, open_package
from wasm_torch_web.verify.trials import Trial, trials

SELF_TEST = "self-test"

Progress = Callable[[str], None]


@dataclass
class Expected:
    """What PyTorch gives: trials with the outputs of their runs; `skipped` are those it refuses.

    Attributes:
        truth: what PyTorch's outputs are judged by, where another output differs from them.
        drawn: names of outputs that are random. Where there are any, each trial has RUNS rounds,
            with seeds that count from 0; else one.
    """

    truth: Truth | None = None
    drawn: frozenset[str] = frozenset()
    trials: list[tuple[Trial, list[list[Flat]]]] = field(default_factory=list)
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
    expected = Expected(getattr(reference, "truth", None), golden.drawn(manifest))
    for trial in trials(manifest, example or golden.read_inputs(package, manifest, 0)):
        progress(f"PyTorch: {trial.title}")
        try:
            expected.trials.append((trial, _rounds(reference, trial, bool(expected.drawn))))
        except UserError as error:
            if not expected.trials:  # the known inputs are the user's own
                raise
            expected.skipped.append(f"{trial.title}: {error.message}")
    return expected


def _rounds(reference: Reference, trial: Trial, drawn: bool) -> list[list[Flat]]:
    """The outputs of a trial's runs: once, or with each of RUNS seeds."""
    if not drawn:
        return [reference(trial.runs)]
    rounds = []
    with torch.random.fork_rng(devices=[]):
        for seed in range(RUNS):
            torch.manual_seed(seed)
            rounds.append(reference(trial.runs))
    return rounds


def compare_in(
    browser: Browser,
    package: Path,
    expected: Expected,
    variants: Sequence[str] | None,
    progress: Progress,
) -> Report:
    """What Chromium gives for the same trials, compared."""
    with open_package(browser, package) as model:
        return compare_with(model, describe(browser), expected, variants, progress)


def compare_with(
    model: BrowserModel,
    browser: str,
    expected: Expected,
    variants: Sequence[str] | None,
    progress: Progress,
) -> Report:
    """As `compare_in`, where the package is open already; `browser` is its name and version."""
    report = Report(browser, skipped=expected.skipped)
    asked: Sequence[str | None] = variants or [None]
    for variant in asked:
        info = model.load(variant)
        report.variants[info["variant"]] = info["why"]
        for trial, rounds in expected.trials:
            progress(f"{info['variant']}: {trial.title}")
            report.runs += _compare(model, info["variant"], trial, rounds, expected)
        if expected.drawn:  # elements of which only golden data has
            report.runs.append(self_tested(model, info["variant"]))
    return report


@apart
def _launch_and_compare(
    package: Path, expected: Expected, variants: Sequence[str] | None, progress: Progress
) -> Report:
    with launched() as browser:
        return compare_in(browser, package, expected, variants, progress)


def self_tested(model: BrowserModel, variant: str) -> Run:
    """What `model.selfTest()` says."""
    result = model.self_test()
    outputs = tuple(
        OutputError(
            output["name"],
            output["maxAbsError"],
            output["maxRelError"],
            result["passed"] or output["maxRelError"] <= TOLERANCE,
        )
        for output in result["outputs"]
    )
    return Run(variant, SELF_TEST, None, outputs)


def _compare(
    model: BrowserModel,
    variant: str,
    trial: Trial,
    rounds: Sequence[Sequence[Flat]],
    expected: Expected,
) -> Iterator[Run]:
    """The runs of the first round; what is drawn, in all rounds."""
    ran = list(_ran(model, trial, len(rounds) if expected.drawn else 0))
    given = [[outputs for outputs, _ in runs] for runs in ran]
    found = [_errors(*pair, expected.drawn) for pair in zip(rounds[0], given[0], strict=True)]
    differing = any(not error.passed for errors in found for error in errors)
    truth = expected.truth if differing else None
    if truth is not None and (exact := truth.outputs(trial.runs)):
        more: dict[str, Any] = {"times": truth.times, "truth": truth.name}
        found = [
            [excuse(e, theirs[e.name], ours.get(e.name, 0), true[e.name], **more) for e in errors]
            for errors, theirs, ours, true in zip(found, rounds[0], given[0], exact, strict=True)
        ]
    for index, (_, milliseconds) in enumerate(ran[0]):
        drawn = [
            compare_drawn(
                name, [runs[index][name] for runs in rounds], [runs[index][name] for runs in given]
            )
            for name in rounds[0][index]
            if name in expected.drawn
        ]
        yield Run(variant, trial.title, milliseconds, (*found[index], *drawn))


def _ran(model: BrowserModel, trial: Trial, seeds: int) -> Iterator[list[tuple[Flat, float]]]:
    """The trial's runs from the initial state: once, or with each seed; with milliseconds."""
    for seed in range(max(1, seeds)):
        model.reset()
        if seeds:
            model.seed(seed)
        yield [model.run(inputs) for inputs in trial.runs]


def _errors(expected: Flat, given: Flat, drawn: frozenset[str]) -> list[OutputError]:
    return [
        compare(name, value, given[name]) if name in given else wrong(name, "missing")
        for name, value in expected.items()
        if name not in drawn
    ]
