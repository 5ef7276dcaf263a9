"""A package in, the same model in this process out: the runtime's WASI build in wasmtime.

The module imports nothing: it sees its own memory and no file, clock or network.
"""

from __future__ import annotations

from wasm_torch_web.engine.model import Info, Model, Port, load
from wasm_torch_web.engine.sounds import Sound

__all__ = ["Info", "Model", "Port", "Sound", "load"]
