"""What a user asks for in, words of the command line and an entry of the manifest out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from wasm_torch_web.errors import UserError

KINDS = ("fp16", "dynamic")
_WEIGHTS = {"fp16": "float16", "dynamic": "int8"}  # kind -> the manifest's `quantized.weights`


@dataclass(frozen=True)
class Spec:
    """How weights are rounded.

    Attributes:
        kind: one of KINDS.
        skip: patterns of names of weights that stay as they are.
        max_error: the share of its norm by which an output may move.
    """

    kind: str
    skip: tuple[str, ...] = ()
    max_error: float | None = None

    def check(self) -> None:
        """Raises UserError quantize-kind."""
        if self.kind not in KINDS:
            raise UserError("quantize-kind", kind=self.kind, kinds=", ".join(KINDS))

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

    def entry(self, drift: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The manifest's `quantized`."""
        return {"weights": _WEIGHTS[self.kind], "skip": list(self.skip), "drift": list(drift)}


def spec_of(manifest: dict[str, Any]) -> Spec | None:
    """What a package was built with; None where its weights are the model's own."""
    entry = manifest.get("quantized")
    if entry is None:
        return None
    (kind,) = (kind for kind, weights in _WEIGHTS.items() if weights == entry["weights"])
    return Spec(kind, tuple(entry["skip"]))
