"""A simplified graph and what is wanted of it in, how each weight is stored out, with what that
does to the outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from wasm_torch_web.console import bytes_text
from wasm_torch_web.copying import copied
from wasm_torch_web.errors import UserError
from wasm_torch_web.format import writer
from wasm_torch_web.ir import Graph
from wasm_torch_web.progress import Console
from wasm_torch_web.quantize import drift
from wasm_torch_web.quantize.apply import WAYS, Offers, apply, mix_of, offers, picked, uniform
from wasm_torch_web.quantize.drift import Drift
from wasm_torch_web.quantize.reference import Quantized
from wasm_torch_web.quantize.search import MOST_ERROR, Path, path
from wasm_torch_web.quantize.sensitivity import MOST_RUNS, Layer, sensitivities, spread
from wasm_torch_web.quantize.size import plain_bytes, stored_bytes
from wasm_torch_web.quantize.spec import KINDS, Mix, Spec
from wasm_torch_web.quantize.way import Weight
from wasm_torch_web.verify.reference import Flat, Reference
from wasm_torch_web.verify.trials import trials


@dataclass(frozen=True)
class Choice:
    """How weights are stored.

    Attributes:
        spec: what was asked for, with the mix.
        graph: the simplified graph with these weights.
        weights: those that could have fewer bits, and what became of each.
        drift: how far that moves each output.
        layers: what each way does to one weight alone, where that was measured.
    """

    spec: Spec
    graph: Graph
    weights: list[Weight]
    drift: list[Drift] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)

    @property
    def reference(self) -> Reference:
        """What a package with these weights is compared with."""
        return Quantized(self.graph)

    def entry(self) -> dict[str, Any]:
        """The manifest's `quantized`."""
        return self.spec.entry([one.to_json() for one in self.drift])


Judge = Callable[[Choice], float]  # a model with these weights -> its score


def choose(
    graph: Graph,
    eager: Reference,
    example: Flat,
    spec: Spec,
    console: Console,
    runs: Sequence[Flat] = (),
    judge: Judge | None = None,
    explain: bool = False,
) -> Choice:
    """Leaves the graph as it is. `runs` are calibration data, by default the example and random
    inputs; `judge` scores for `spec.min_accuracy`; `explain` asks for `layers`.

    Raises UserError quantize-skip, quantize-size; WtwError quantize-drift.
    """
    work = _Work(graph, eager, runs or default_runs(graph, example), spec, console, judge)
    weights = work.searched() if spec.searches else uniform(work.found, KINDS[spec.kind])
    layers = work.layers() if explain and not work.known else work.known
    choice = work.choice(weights)
    progress = work.telling("how far the outputs move", len(work.runs))
    moved = drift.measure(eager, choice.reference, work.runs, work.drawn, progress)
    drift.check(moved, spec.max_error)
    return replace(choice, drift=moved, layers=layers)


def default_runs(graph: Graph, example: Flat) -> list[Flat]:
    """The example and random inputs with its statistics."""
    return [run for one in trials(writer.described(graph), example)[:2] for run in one.runs]


class _Told:
    """Runs, of which the console is told as they are gone through."""

    def __init__(self, runs: Sequence[Flat], console: Console) -> None:
        self.runs, self.console = runs, console

    def __iter__(self) -> Iterator[Flat]:
        for done, run in enumerate(self.runs):
            self.console.part(done, len(self.runs), "calibration")
            yield run


@dataclass
class _Work:
    """What was given, and what was found so far."""

    graph: Graph
    eager: Reference
    runs: Sequence[Flat]
    spec: Spec
    console: Console
    judge: Judge | None
    known: list[Layer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.drawn = frozenset(port.name for port in self.graph.outputs if port.drawn)
        for way in (WAYS[name] for name in KINDS[self.spec.kind]):
            if way.calibrate is not None:
                told = _Told(self.runs, self.console)
                ranges = way.calibrate(self.graph, told, self.spec.observer)
                self.spec = replace(self.spec, ranges={**self.spec.ranges, **ranges})
        self.found: Offers = offers(self.graph, self.spec)

    def telling(self, what: str, total: int) -> Callable[[int], None]:
        return lambda done: self.console.part(done, total, what)

    def choice(self, weights: list[Weight]) -> Choice:
        mix = mix_of(weights)
        made = copied(self.graph)
        apply(made, mix, self.spec.ranges)
        return Choice(replace(self.spec, mix=mix), made, weights)

    def layers(self) -> list[Layer]:
        plain, given = plain_bytes(self.graph), (self.spec.ranges, self.runs)
        self.known = sensitivities(self.graph, self.found, *given, plain, self.console.part)
        return self.known

    def searched(self) -> list[Weight]:
        """The smallest mix that is good enough, or the most accurate one that is small enough."""
        way = path(self.layers())
        count = self.smallest_good(way) if self.spec.target is None else self.fitting(way)
        return picked(self.found, way.mix(count))

    def fitting(self, way: Path) -> int:
        """The fewest steps that fit the target."""
        target = self.spec.target
        assert target is not None
        excess, count = stored_bytes(self.graph) - target, 0
        while True:  # what steps save is only estimated before a mix is laid out
            found = way.first(excess)
            count = len(way.steps) if found is None else max(found, count)
            size = self.size(way.mix(count))
            if size <= target:
                return count
            if count == len(way.steps):
                sizes = {"target": bytes_text(target), "smallest": bytes_text(size)}
                raise UserError("quantize-size", **sizes)
            excess, count = excess + size - target, count + 1

    def size(self, mix: Mix) -> int:
        return stored_bytes(self.choice(picked(self.found, mix)).graph)

    def smallest_good(self, way: Path) -> int:
        """The most steps within the error and the accuracy that were asked for."""
        limit, least = self.spec.max_error, self.spec.min_accuracy
        if limit is None and least is None:
            limit = MOST_ERROR
        few = spread(self.runs, MOST_RUNS)

        def good(count: int, runs: Sequence[Flat] = few) -> bool:
            self.console.detail(f"trying {count} of {len(way.steps)} steps")
            tried = self.choice(picked(self.found, way.mix(count)))
            if limit is not None and self.error(tried, runs) > limit:
                return False
            return least is None or self.judge is None or self.judge(tried) >= least

        count = way.last(good) or 0
        while count and len(few) < len(self.runs) and not good(count, self.runs):
            count -= max(1, count // 10)
        return count

    def error(self, tried: Choice, runs: Sequence[Flat]) -> float:
        return drift.worst(drift.measure(self.eager, tried.reference, runs, self.drawn))
