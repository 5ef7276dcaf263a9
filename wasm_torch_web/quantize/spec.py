"""What a user asks for in, words of the command line and an entry of the manifest out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from wasm_torch_web.errors import UserError

AUTO = "auto"
_UNIFORM: dict[str, tuple[str, ...]] = {
    "fp16": ("fp16",),
    "dynamic": ("dynamic",),
    "static": ("static",),
    "int8": ("static", "dynamic"),
    "int4": ("int4", "dynamic"),
}
# Ways between which `auto` decides: what static gains is time, which it does not measure.
_SEARCHED = dict.fromkeys(way for ways in _UNIFORM.values() for way in ways if way != "static")
# What can be asked for -> the ways of `apply.WAYS` that weights may get, the best first.
KINDS = {**_UNIFORM, AUTO: tuple(_SEARCHED)}

# How much of what calibration has seen a range covers, for ways that need ranges: observe.py.
OBSERVERS = ("minmax", "percentile", "mse")

Mix = Mapping[str, str]  # name of a weight -> its way; float32 where there is none


@dataclass(frozen=True)
class Spec:
    """How weights get fewer bits.

    Attributes:
        kind: one of KINDS.
        skip: patterns of names of weights that stay as they are.
        max_error: the share of its norm by which an output may move.
        target: the most bytes of the weights' files.
        min_accuracy: the least score that the user's own function may give.
        observer: one of OBSERVERS.
        mix: the way of each weight, where that is decided already.
        ranges: name of a value -> its least and largest element on calibration data.
    """

    kind: str
    skip: tuple[str, ...] = ()
    max_error: float | None = None
    target: int | None = None
    min_accuracy: float | None = None
    observer: str = OBSERVERS[0]
    mix: Mix | None = None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def check(self) -> None:
        """Raises UserError quantize-kind."""
        if self.kind not in KINDS:
            raise UserError("quantize-kind", kind=self.kind, kinds=", ".join(KINDS))

    @property
    def searches(self) -> bool:
        """Whether the mix is to be found; else each weight gets the first way that can take it."""
        return self.kind == AUTO or self.target is not None

    def skips(self, name: str) -> bool:
        """Whether a weight is left alone."""
        return any(fnmatchcase(name, pattern) for pattern in self.skip)

    def words(self) -> Iterator[str]:
        """The options."""
        yield from ("--quantize", self.kind)
        for pattern in self.skip:
            yield from ("--skip", pattern)
        if self.max_error is not None:
            yield from ("--max-error", f"{self.max_error:g}")
        if self.target is not None:
            yield from ("--target-size", str(self.target))
        if self.min_accuracy is not None:
            yield from ("--min-accuracy", f"{self.min_accuracy:g}")
        if self.observer != OBSERVERS[0]:
            yield from ("--observer", self.observer)

    def entry(self, drift: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The manifest's `quantized`."""
        ways: dict[str, list[str]] = {}
        for name, way in sorted((self.mix or {}).items()):
            ways.setdefault(way, []).append(name)
        entry = {"kind": self.kind, "ways": ways, "drift": list(drift)}
        ranges = {name: list(range) for name, range in self.ranges.items()}
        return entry | ({"ranges": ranges} if ranges else {})


def spec_of(manifest: Mapping[str, Any]) -> Spec | None:
    """What a package was built with; None where its weights are the model's own."""
    entry = manifest.get("quantized")
    if entry is None:
        return None
    mix = {name: way for way, names in entry["ways"].items() for name in names}
    ranges = {name: (low, high) for name, (low, high) in entry.get("ranges", {}).items()}
    return Spec(entry["kind"], mix=mix, ranges=ranges)
