"""What a bisection found: the values around the first difference, for people and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape
from rich.table import Table
from torch import Tensor

from wasm_torch_web.console import columns
from wasm_torch_web.verify.compare import OutputError
from wasm_torch_web.verify.difference import Difference
from wasm_torch_web.verify.reference import Flat

BEFORE, AFTER = 6, 3  # rows around the first difference


@dataclass(frozen=True)
class Finding:
    """One output of one node; `error` is None where PyTorch has no value of that name."""

    index: int
    node: dict[str, Any]
    output: int
    value: str
    error: OutputError | None

    @property
    def differs(self) -> bool:
        """Whether browser and PyTorch part here."""
        return self.error is not None and not self.error.passed


@dataclass
class Bisection:
    """What was compared, in execution order, up to a few nodes after the first difference.

    Attributes:
        inputs: of the run.
        expected, given: what PyTorch and the browser have where they first differ.
        read: what that node read in the browser, by the names of values that nodes made.
        others: the other variants -> the error of the same value there, or why there is none.
    """

    browser: str
    variant: str
    findings: list[Finding]
    inputs: Flat
    expected: Tensor | None = None
    given: Tensor | None = None
    read: dict[str, Tensor] = field(default_factory=dict)
    others: dict[str, OutputError | str] = field(default_factory=dict)

    @property
    def first(self) -> Finding | None:
        """The first value that differs."""
        return next((finding for finding in self.findings if finding.differs), None)

    @property
    def difference(self) -> Difference | None:
        """Of the first value that differs; None where it has not even PyTorch's shape or dtype."""
        a, b = self.expected, self.given
        if a is None or b is None or (a.shape, a.dtype) != (b.shape, b.dtype):
            return None
        return Difference.of(a, b)

    def tables(self) -> list[Table]:
        """What a terminal shows."""
        found = [self.table()]
        if self.difference is not None:
            found += self.difference.tables()
        return [*found, self.variants()] if self.others else found

    def variants(self) -> Table:
        """The same value in every variant."""
        table = columns("The same value in each variant", "variant", "max abs>", "max rel>", "")
        first = self.first
        for name, error in {self.variant: first and first.error, **self.others}.items():
            cells = _error_cells(error) if isinstance(error, OutputError) else ["", "", str(error)]
            table.add_row(name, *cells)
        return table

    def table(self) -> Table:
        """The values around the first difference; the last ones where there is none."""
        first = self.findings.index(self.first) if self.first else len(self.findings) - AFTER
        title = f"{self.variant}: {'first difference' if self.first else 'no difference'}"
        table = columns(title, "node>", "operator", "value", "max abs>", "max rel>", "", "where")
        for finding in self.findings[max(0, first - BEFORE) : first + AFTER + 1]:
            table.add_row(*_cells(finding), style="bold" if finding is self.first else None)
        return table

    def to_json(self) -> dict[str, Any]:
        """For `--json`."""
        first = self.first
        compared = {"variant": self.variant, "compared": len(self.findings)}
        if first is None:
            return {**compared, "first": None}
        node = {key: first.node[key] for key in ("op", "module", "source") if key in first.node}
        difference = self.difference
        return {
            **compared,
            "browser": self.browser,
            "first": {"index": first.index, "value": first.value, **node},
            "difference": difference and difference.to_json(),
            "variants": {
                name: error if isinstance(error, str) else {"passed": error.passed}
                for name, error in self.others.items()
            },
        }


def _cells(finding: Finding) -> list[str]:
    node, error = finding.node, finding.error
    where = " ".join(node.get(key, "") for key in ("module", "source")).strip()
    named = [str(finding.index), node["op"], escape(finding.value)]
    if error is None:
        return [*named, "", "", "[dim]not in PyTorch[/]", escape(where)]
    return [*named, *_error_cells(error), escape(where)]


def _error_cells(error: OutputError) -> list[str]:
    verdict = "[green]ok[/]" if error.passed else f"[red]differs[/] {escape(error.note)}"
    return [f"{error.max_abs:.2e}", f"{error.max_rel:.2e}", verdict]
