"""What a user asks a build for: the arguments of the command line, checked before any work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn
from torch.export import ExportedProgram

from wasm_torch_web import bundle, card
from wasm_torch_web.extras import Extras
from wasm_torch_web.preprocess import Given
from wasm_torch_web.sources import Options


@dataclass(frozen=True)
class Request:
    """The arguments of `pipeline.build` that say what is built, and from what."""

    source: str | Path | nn.Module | ExportedProgram
    examples: Any = None
    model: str | None = None
    inputs: Sequence[str] = ()
    dynamic: Sequence[str] = ()
    imports: Sequence[str] = ()
    trust_pickle: bool = False
    preprocess: Given = ()
    labels: str | Path | None = None
    scores: str = "softmax"
    tokenizer: str | Path | None = None
    name: str | None = None
    version: str | None = None
    license: str | None = None
    author: str | None = None
    source_info: bool = True

    @cached_property
    def options(self) -> Options:
        """How the source is read."""
        return Options(self.model, tuple(self.inputs), tuple(self.imports), self.trust_pickle)

    @cached_property
    def extras(self) -> Extras:
        """What the package has beside tensors."""
        labels = None if self.labels is None else str(self.labels)
        tokenizer = None if self.tokenizer is None else Path(self.tokenizer)
        return Extras(self.preprocess, labels, self.scores, tokenizer)

    def check(self) -> None:
        """Raises UserError for what can be known to be wrong before any work."""
        if self.name is not None:
            bundle.check_name(self.name)
        if self.version is not None:
            bundle.check_version(self.version)
        card.fields(self.license, self.author, None)
        self.extras.check()
