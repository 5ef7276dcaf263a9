"""Comparisons of single runs in, a report with its table and its entry for the manifest out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape
from rich.table import Table

from wasm_torch_web.console import columns
from wasm_torch_web.errors import WtwError
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.verify.compare import OutputError


@dataclass(frozen=True)
class Run:
    """One variant on one trial."""

    variant: str
    trial: str
    milliseconds: float | None  # of a self-test, which runs the model many times: None
    outputs: tuple[OutputError, ...]


@dataclass
class Report:
    """What a check found.

    Attributes:
        browser: name and version.
        variants: variant -> why it was taken (empty where it was asked for) in the order tried.
        skipped: trials that PyTorch itself refused, with the reason.
    """

    browser: str
    runs: list[Run] = field(default_factory=list)
    variants: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether something was compared and nothing differed."""
        return bool(self.runs) and not self.failures()

    @property
    def max_abs_error(self) -> float:
        """The largest error of all."""
        return max((output.max_abs for run in self.runs for output in run.outputs), default=0.0)

    def add(self, other: Report) -> None:
        """Takes over the runs of another report."""
        self.runs += other.runs
        self.variants |= other.variants
        self.skipped += other.skipped

    def failures(self) -> list[str]:
        """Names of the outputs that differ."""
        wrong = (o.name for run in self.runs for o in run.outputs if not o.passed)
        return list(dict.fromkeys(wrong))

    def raise_if_failed(self) -> None:
        """Raises outputs-differ (exit code 3)."""
        failures = self.failures()
        if failures:
            raise WtwError("outputs-differ", count=len(failures), outputs=", ".join(failures))

    def worst(self) -> list[tuple[Run, OutputError]]:
        """For each variant and output, the run with the largest error."""
        found: dict[tuple[str, str], tuple[Run, OutputError]] = {}
        for run in self.runs:
            for output in run.outputs:
                key = (run.variant, output.name)
                if key not in found or _badness(output) > _badness(found[key][1]):
                    found[key] = (run, output)
        return list(found.values())

    def table(self) -> Table:
        """A row for each variant and output."""
        title = f"PyTorch and {self.browser}"
        table = columns(title, "variant", "output", "max abs>", "max rel>", "ms>", "worst on", "")
        for run, output in self.worst():
            table.add_row(
                run.variant,
                escape(output.name),
                f"{output.max_abs:.2e}",
                f"{output.max_rel:.2e}",
                "" if run.milliseconds is None else f"{run.milliseconds:.1f}",
                escape(run.trial),
                f"{'[green]ok[/]' if output.passed else '[red]differs[/]'} {escape(output.note)}",
            )
        return table

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "passed": self.passed,
            "browser": self.browser,
            "variants": self.variants,
            "skipped": self.skipped,
            "outputs": [
                {
                    "variant": run.variant,
                    "name": output.name,
                    "maxAbsError": _json_number(output.max_abs),
                    "maxRelError": _json_number(output.max_rel),
                    "passed": output.passed,
                    **_note(output),
                }
                for run, output in self.worst()
            ],
        }

    def mark(self, manifest: Manifest) -> None:
        """Sets manifest["verified"]: what was compared, or None where it did not pass.

        Golden outputs of an ill-conditioned model get the tolerance that its self-test needs.
        """
        manifest["verified"] = self._verified() if self.passed else None
        for run in self.runs:
            for output in run.outputs:
                if output.tolerance is not None:
                    _allow(manifest, output.name, output.tolerance)

    def _verified(self) -> dict[str, Any]:
        worst: dict[str, OutputError] = {}
        for _, output in self.worst():
            if output.name not in worst or output.max_abs > worst[output.name].max_abs:
                worst[output.name] = output
        outputs = [
            {"name": name, "maxAbsError": output.max_abs, "maxRelError": output.max_rel}
            | _note(output)
            for name, output in worst.items()
        ]
        return {"browser": self.browser, "variants": list(self.variants), "outputs": outputs}


def _note(output: OutputError) -> dict[str, str]:
    return {"note": output.note} if output.note else {}


def _allow(manifest: Manifest, name: str, tolerance: float) -> None:
    for case in manifest["golden"]["cases"]:
        entry = case["outputs"][name]
        entry["tolerance"] = max(tolerance, entry.get("tolerance", 0))


def _badness(output: OutputError) -> tuple[bool, float]:
    return not output.passed, output.max_abs


def _json_number(value: float) -> float | str:
    """JSON has no infinity."""
    return value if value < float("inf") else "inf"
