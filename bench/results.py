"""Visits in, results.json and the numbers that tables and chart show out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import ROOT
from wasm_torch_web.benchmark.figures import geometric_mean, median
from wasm_torch_web.benchmark.visit import Visit
from wasm_torch_web.verify.compare import TOLERANCE

DEFAULT = ROOT / "build" / "bench" / "results.json"


@dataclass
class Measured:
    """A system with a number of threads on a model.

    Attributes:
        visits: one a round: load, first, run (the median of its runs) in ms, memory in bytes.
        error: the largest error relative to PyTorch.
        files: bytes of `runtime`, `compressed` (the runtime after Brotli) and `model`.
        failure: why there is nothing, where it could not be converted, loaded or run.
    """

    visits: list[dict[str, Any]] = field(default_factory=list)
    error: float = 0.0
    files: dict[str, int] = field(default_factory=dict)
    failure: str = ""

    def add(self, visit: Visit) -> None:
        """A round more."""
        times = {"load": visit.load, "first": visit.first, "run": median(visit.runs)}
        self.visits.append(
            {name: round(ms, 3) for name, ms in times.items()} | {"memory": visit.memory}
        )

    @property
    def ok(self) -> bool:
        """Whether it ran and gave PyTorch's outputs."""
        return bool(self.visits) and not self.failure and self.error <= TOLERANCE

    def ms(self) -> float:
        """The median run."""
        return self._median("run")

    def cold(self) -> float:
        """Milliseconds from an empty page to the first output."""
        return median(visit["load"] + visit["first"] for visit in self.visits)

    def megabytes(self) -> float | None:
        """Memory that the page grew by at its peak."""
        known = [visit["memory"] for visit in self.visits if visit["memory"] is not None]
        return median(known) / 1e6 if known else None

    def _median(self, name: str) -> float:
        return median(visit[name] for visit in self.visits)

    def __str__(self) -> str:
        last = self.visits[-1]
        wrong = "" if self.ok else f"  differs from PyTorch: {self.error:.1e}"
        return f"{last['run']:9.2f} ms, cold {last['load'] + last['first']:7.0f} ms{wrong}"


@dataclass
class Results:
    """All that was measured: model -> system and threads (`ours-1`) -> Measured."""

    machine: dict[str, Any]
    browser: str = ""
    models: dict[str, dict[str, Measured]] = field(default_factory=dict)
    measured: dict[str, str] = field(default_factory=dict)  # model -> when

    def of(self, model: str, key: str) -> Measured:
        """The entry, a new one where there is none."""
        return self.models.setdefault(model, {}).setdefault(key, Measured())

    def ratios(self, models: Iterable[str], key: str, ours: str) -> dict[str, float]:
        """How many times as long as ours the other takes, on the models where both work."""
        found = {}
        for model in models:
            other, own = (self.models.get(model, {}).get(one) for one in (key, ours))
            if other and own and other.ok and own.ok:
                found[model] = other.ms() / own.ms()
        return found

    def arrange(self, names: Iterable[str]) -> None:
        """Puts the models into this order; those without such a name are left out."""
        self.models = {name: self.models[name] for name in names if name in self.models}

    def save(self, path: Path) -> None:
        """Writes results.json in one step."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".tmp")
        beside.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")
        beside.replace(path)


def load(path: Path) -> Results:
    """Reads what `save` wrote."""
    content = json.loads(path.read_text(encoding="utf-8"))
    models = {
        model: {key: Measured(**one) for key, one in entries.items()}
        for model, entries in content.pop("models").items()
    }
    return Results(**content, models=models)


def summary(ratios: dict[str, float]) -> tuple[float, float, str]:
    """Geometric mean, and the smallest ratio with its model."""
    worst = min(ratios, key=lambda model: ratios[model])
    return geometric_mean(ratios.values()), ratios[worst], worst
