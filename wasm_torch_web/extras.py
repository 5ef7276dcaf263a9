"""What a package has beside its tensors, in: preprocessing, labels, a tokenizer. Checked before a
build, put into its manifest at the end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wasm_torch_web.errors import UserError
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.labels import SCORES, give_classes, place_of_labels, read_labels
from wasm_torch_web.preprocess import Given, Spec, give_preprocessing, parse_specs
from wasm_torch_web.sources import Source
from wasm_torch_web.tokenizer import find


@dataclass(frozen=True)
class Extras:
    """What the command line says.

    Attributes:
        preprocess: words such as `x=image:crop=224`, or input name -> words or transforms.
        labels: `[OUTPUT=]FILE`.
        scores: what the labelled output becomes.
        tokenizer: a tokenizer.json or its folder, in place of the source's own.
    """

    preprocess: Given = ()
    labels: str | None = None
    scores: str = SCORES[0]
    tokenizer: Path | None = None

    @cached_property
    def specs(self) -> list[Spec]:
        """One for each input that is preprocessed. Raises UserError preprocess-spec."""
        return parse_specs(self.preprocess)

    def check(self) -> None:
        """Before any work. Raises UserError preprocess-spec, labels-invalid, tokenizer-invalid."""
        list(self.specs)
        list(self.files())
        if self.labels is not None:
            path = place_of_labels(self.labels)[1]
            read_labels(path)
            if self.scores not in SCORES:
                reason = f"scores {self.scores}: they are {', '.join(SCORES)}"
                raise UserError("labels-invalid", path=path, reason=reason)

    def attach(self, manifest: Manifest, source: Source) -> list[str]:
        """Gives a sentence for what was decided. Errors: those of `check`."""
        if self.labels is not None:
            give_classes(manifest, self.labels, self.scores)
        return give_preprocessing(manifest, self.specs, source.preprocess)

    def files(self) -> Iterator[Path]:
        """What the options name."""
        if self.labels is not None:
            yield place_of_labels(self.labels)[1]
        if self.tokenizer is not None:
            yield find(self.tokenizer)

    def words(self) -> Iterator[str]:
        """The options, paths cut down to names."""
        for spec in self.specs:
            yield from ("--preprocess", spec.text)
        if self.labels is not None:
            name, path = place_of_labels(self.labels)
            yield from ("--labels", path.name if name is None else f"{name}={path.name}")
            yield from ("--scores", self.scores)
        if self.tokenizer is not None:
            yield from ("--tokenizer", find(self.tokenizer).name)
