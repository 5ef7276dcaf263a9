"""Models by name in, runs of them within a budget of memory out: what a worker has at heart.

Of several models, those that were used last stay loaded. Requests can be joined along their leading
axis; whether a model really treats rows one by one is tried out on the first that are.
"""

from __future__ import annotations

import functools
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray

from wasm_torch_web.engine import Model, load
from wasm_torch_web.engine.instance import RUNTIME
from wasm_torch_web.engine.invalid import OnInvalid, not_finite
from wasm_torch_web.engine.records import of_bfloat16
from wasm_torch_web.errors import UserError, WtwError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.serving.api.models import hashes

Values = Mapping[str, Any]
Outcome = dict[str, Any] | WtwError  # outputs by name, or why there are none
Event = dict[str, Any]

LEAST_BYTES = 1 << 24  # of a heap
TRIALS = 3  # joined runs that are compared with single ones
TOLERANCE = 1e-3  # of the largest magnitude; another order of additions is far below


@dataclass
class Loaded:
    """A model in memory, and how many more joined runs are to be tried out; -1: it cannot join."""

    model: Model
    stateful: bool
    trials: int


class Host:
    """The models of one process."""

    def __init__(
        self,
        packages: Mapping[str, Path],
        memory: int,
        timeout: float,
        on_invalid: OnInvalid = "allow",
        tell: Callable[[Event], None] = lambda event: None,
    ) -> None:
        """`tell` hears of each model that is loaded, unloaded or found not to join."""
        self.loaded: OrderedDict[str, Loaded] = OrderedDict()
        self._packages = packages
        self._memory = memory
        self._timeout = timeout
        self._on_invalid = on_invalid
        self._tell = tell

    def run(self, key: str, requests: Sequence[Values], join: bool) -> list[Outcome]:
        """An outcome for each request, as if each had been alone with a model just loaded.

        Raises WtwError where the model cannot be loaded.
        """
        found = self.load(key)
        kept = [self._refused(found, "input", values) for values in requests]
        good = [values for values, refusal in zip(requests, kept, strict=True) if refusal is None]
        done = iter(self._joined(key, found, good) if join else self._single(found, good))
        self._trim(key)
        return [refusal or self._kept(found, next(done)) for refusal in kept]

    def load(self, key: str) -> Loaded:
        """The model, loaded by now; others make room for it. Raises WtwError."""
        if key in self.loaded:
            self.loaded.move_to_end(key)
            return self.loaded[key]
        needed = _estimate(manifests.read(self._packages[key]))
        while self.loaded and self.memory_bytes + needed > self._memory:
            self._unload(next(iter(self.loaded)))
        begin = time.perf_counter()
        model = load(self._packages[key], memory_limit=self._memory, timeout=self._timeout)
        stateful = model.state_bytes > 0
        self.loaded[key] = Loaded(model, stateful, -1 if stateful else TRIALS)
        seconds = time.perf_counter() - begin
        told = {"seconds": seconds, "sha256": {**hashes(model.manifest), "runtime": _runtime()}}
        self._tell({"event": "model-load", "model": key, **told})
        return self.loaded[key]

    @property
    def memory_bytes(self) -> int:
        """All heaps together."""
        return sum(one.model.memory_bytes for one in self.loaded.values())

    def _unload(self, key: str) -> None:
        self.loaded.pop(key).model.close()
        self._tell({"event": "model-unload", "model": key})

    def _trim(self, key: str) -> None:
        """Heaps grow in runs: the models that were used longest ago make room again."""
        while len(self.loaded) > 1 and self.memory_bytes > self._memory:
            self._unload(next(other for other in self.loaded if other != key))

    def _joined(self, key: str, found: Loaded, requests: list[Values]) -> list[Outcome]:
        if found.trials < 0 or len(requests) < 2:
            return self._single(found, requests)
        try:
            together = found.model.run(_concatenated(requests))
        except UserError:  # that one of them has caused
            return self._single(found, requests)
        outcomes = _divided(together, requests)
        if found.trials == 0:
            return outcomes
        alone = self._single(found, requests)
        if all(map(_alike, outcomes, alone)):
            found.trials -= 1
        else:
            found.trials = -1
            self._tell({"event": "model-not-joinable", "model": key})
        return alone

    def _single(self, found: Loaded, requests: Sequence[Values]) -> list[Outcome]:
        return [_outcome(found, values) for values in requests]

    def _kept(self, found: Loaded, outcome: Outcome) -> Outcome:
        if isinstance(outcome, WtwError):
            return outcome
        return self._refused(found, "output", outcome) or outcome

    def _refused(self, found: Loaded, side: str, values: Values) -> UserError | None:
        """One by one, since a batch of them would be refused as a whole."""
        if self._on_invalid == "allow":
            return None
        ports = found.model.manifest["programs"]["forward"][f"{side}s"]
        return not_finite(f"{side}-not-finite", ports, values)


@functools.cache
def _runtime() -> str:
    return manifests.file_sha256(RUNTIME)


def _estimate(manifest: manifests.Manifest) -> int:
    """The heap after loading; runs may need more."""
    weights = manifest["weights"]
    used: int = weights["bytes"] + weights["prepared"]["bytes"] + manifest["plan"]["bytes"]
    return max(LEAST_BYTES, used)


def _outcome(found: Loaded, values: Values) -> Outcome:
    try:
        if found.stateful:
            found.model.reset()
        return found.model.run(values)
    except WtwError as error:
        return error


def _concatenated(requests: Sequence[Values]) -> dict[str, NDArray[Any]]:
    return {name: numpy.concatenate([one[name] for one in requests]) for name in requests[0]}


def _divided(outputs: Mapping[str, Any], requests: Sequence[Values]) -> list[Outcome]:
    """Each request's rows."""
    found: list[Outcome] = []
    start = 0
    for values in requests:
        end = start + len(next(iter(values.values())))
        found.append({name: value[start:end] for name, value in outputs.items()})
        start = end
    return found


def _alike(one: Outcome, other: Outcome) -> bool:
    if isinstance(one, WtwError) or isinstance(other, WtwError):
        return False
    return all(_near(one[name], other[name]) for name in other)


def _near(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.shape != other.shape:
        return False
    if one.dtype == numpy.uint16:
        one, other = of_bfloat16(one), of_bfloat16(other)
    if one.dtype.kind not in "fc":
        return bool(numpy.array_equal(one, other))
    largest = float(numpy.abs(other[numpy.isfinite(other)]).max(initial=1))
    return bool(numpy.allclose(one, other, rtol=0, atol=TOLERANCE * largest, equal_nan=True))
