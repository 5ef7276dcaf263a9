"""The name of a browser engine in, the engine running out: one interface, a driver for each."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from wasm_torch_web.variants import VARIANTS
from wasm_torch_web.verify.tab import Tab

# What each engine runs on a cross-origin isolated page, the best first. WebKitGTK has neither
# relaxed SIMD nor, isolated or not, SharedArrayBuffer.
VARIANTS_OF: dict[str, Sequence[str]] = {
    "chromium": VARIANTS,
    "firefox": VARIANTS,
    "webkit": ("simd128-single",),
}


@dataclass(frozen=True)
class Engine:
    """A running browser.

    Attributes:
        name: a key of VARIANTS_OF.
        version: name and version, for people.
        profile: what opens tabs that share what the browser keeps, and nothing with others.
    """

    name: str
    version: str
    profile: Callable[[], AbstractContextManager[Callable[[], Tab]]]

    @contextmanager
    def tab(self) -> Iterator[Tab]:
        """A page that shares nothing with the others."""
        with self.profile() as open_tab:
            yield open_tab()

    @property
    def variants(self) -> Sequence[str]:
        """What it runs on a cross-origin isolated page, the best first."""
        return VARIANTS_OF[self.name]

    @property
    def single(self) -> str:
        """The best that it runs without threads."""
        return next(variant for variant in self.variants if variant.endswith("single"))

    @property
    def threaded(self) -> bool:
        """Whether it has threads at all."""
        return any(variant.endswith("threads") for variant in self.variants)


def started(name: str) -> AbstractContextManager[Engine]:
    """The engine, which ends with the block."""
    driver = importlib.import_module(f"{__name__}.{name}")
    running: AbstractContextManager[Engine] = driver.started()
    return running
