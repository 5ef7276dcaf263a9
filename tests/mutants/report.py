"""What became of mutants: kept as JSON, and as a table in Markdown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from mutants.accepted import reason_of
from mutants.mutation import Mutant
from mutants.running import KILLED, NO_PROGRAM, SURVIVED


@dataclass(frozen=True)
class Judged:
    """A mutant and its outcome."""

    mutant: Mutant
    outcome: str

    @property
    def reason(self) -> str | None:
        """Why it may survive."""
        return reason_of(str(self.mutant)) if self.outcome == SURVIVED else None

    @property
    def is_open(self) -> bool:
        return self.outcome == SURVIVED and self.reason is None


def keep(path: Path, found: Sequence[Judged]) -> None:
    rows = [
        {**asdict(one.mutant), "outcome": one.outcome, "shown": str(one.mutant)} for one in found
    ]
    path.write_text(json.dumps(rows, indent=1))


def kept(path: Path) -> list[Judged]:
    """But for those whose place has changed since."""
    rows = json.loads(path.read_text())
    fields = ("path", "at", "old", "new", "line")
    found = [(Mutant(*(row[name] for name in fields)), row) for row in rows]
    return [Judged(one, row["outcome"]) for one, row in found if str(one) == row["shown"]]


def killed(found: Sequence[Judged]) -> float:
    """The share of those that count."""
    outcomes = [one.outcome for one in found if one.outcome != NO_PROGRAM]
    return outcomes.count(KILLED) / max(1, len(outcomes))


def table(groups: Mapping[str, Sequence[Judged]]) -> str:
    """A row for each file, and one for each group."""
    head = [
        "| file | mutants | no program, or the same | killed | survived | explained | killed |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines = []
    for name, found in groups.items():
        files = {one.mutant.path: None for one in found}
        for path in files:
            lines.append(_line(f"`{path}`", [one for one in found if one.mutant.path == path]))
        lines.append(_line(f"**{name}**", found))
    return "\n".join([*head, *lines])


def reasons(found: Sequence[Judged]) -> str:
    """A row for each reason to survive, and one for what has none."""
    lines = ["| why it may survive | mutants | for example |", "| --- | --- | --- |"]
    survivors = [one for one in found if one.outcome == SURVIVED]
    for reason in {one.reason: None for one in survivors}:
        those = [one for one in survivors if one.reason == reason]
        example = str(those[0].mutant).replace("|", "\\|")
        lines.append(f"| {reason or '**not explained**'} | {len(those)} | `{example}` |")
    return "\n".join(lines)


def _line(name: str, found: Sequence[Judged]) -> str:
    counts = Counter(one.outcome for one in found)
    explained = sum(one.reason is not None for one in found)
    cells = [name, len(found), counts[NO_PROGRAM], counts[KILLED], counts[SURVIVED], explained]
    return f"| {' | '.join(map(str, cells))} | {killed(found):.1%} |"
