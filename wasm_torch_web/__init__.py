"""PyTorch models in, npm packages that run them in any browser out.

wasm_torch_web.build(module, example_inputs, out="pkg")
wasm_torch_web.save(module, example_inputs, "model.pth")   # for `wasm-torch-web build`
wasm_torch_web.load("pkg").run(x=array)                     # the same wasm, in this process
wasm_torch_web.Sound(samples, rate)                         # for a package that prepares sounds
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from wasm_torch_web.engine import Sound as Sound
    from wasm_torch_web.engine import load as load
    from wasm_torch_web.pipeline import build as build
    from wasm_torch_web.saving import save as save

_HOMES = {
    "Sound": "wasm_torch_web.engine",
    "build": "wasm_torch_web.pipeline",
    "load": "wasm_torch_web.engine",
    "save": "wasm_torch_web.saving",
}


def __getattr__(name: str) -> Any:
    """Imports what a function needs when it is asked for: torch takes seconds."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


__all__ = ["Sound", "__version__", "build", "load", "save"]
