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
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.opening import with_recorded
from wasm_torch_web.preprocess import Given
from wasm_torch_web.sources import Options
from wasm_torch_web.tokenizer import FILE as TOKENIZER


@dataclass(frozen=True)
class Request:
    """The arguments of `pipeline.build` that say what is built, and from what.

    `like` is a package that was built from the source before: its inputs, axes, name and extras
    hold where nothing else is said.
    """

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
    like: Path | None = None

    @cached_property
    def options(self) -> Options:
        """How the source is read."""
        given = Options(self.model, tuple(self.inputs), tuple(self.imports), self.trust_pickle)
        return given if self.like is None else with_recorded(given, self.like)

    @cached_property
    def extras(self) -> Extras:
        """What the package has beside tensors."""
        given = self.tokenizer
        if given is None and self.like is not None and (self.like / TOKENIZER).is_file():
            given = self.like / TOKENIZER
        labels = None if self.labels is None else str(self.labels)
        tokenizer = None if given is None else Path(given)
        return Extras(self.preprocess, labels, self.scores, tokenizer)

    @cached_property
    def earlier(self) -> Manifest:
        """The manifest of `like`; empty where there is none."""
        return {} if self.like is None else manifests.read(self.like)

    def inherit(self, manifest: Manifest) -> None:
        """Gives a new manifest what the earlier one says of pictures, sounds and classes."""
        if self.like is None:
            return
        for side, key in (("inputs", "preprocess"), ("outputs", "classes")):
            ports, earlier = (one["programs"]["forward"][side] for one in (manifest, self.earlier))
            known = {port["name"]: port[key] for port in earlier if key in port}
            for port in ports:
                if port["name"] in known:
                    port.setdefault(key, known[port["name"]])

    def check(self) -> None:
        """Raises UserError for what can be known to be wrong before any work."""
        if self.name is not None:
            bundle.check_name(self.name)
        if self.version is not None:
            bundle.check_version(self.version)
        card.fields(self.license, self.author, None)
        self.extras.check()
