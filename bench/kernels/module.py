"""The *.cc here and the runtime's own objects in, one wasm module out (one thread)."""

from __future__ import annotations

from pathlib import Path

import build_runtime
import emscripten
from compile import Compiler, compile_all, generate, runtime_sources


def build(simd: str) -> bytes:
    """The module; objects that the runtime's build has made are taken from its cache."""
    variant = build_runtime.Variant("bench", simd, False, build_runtime.IMPORTED)
    found = emscripten.find()
    generate()
    compiler = Compiler(found.empp, found.version, found.env)
    flags = (*build_runtime.COMPILE, *build_runtime.SIMD[simd])
    shared = [s for s in runtime_sources() if not s.name.endswith("_threads.cc")]
    own = sorted(Path(__file__).parent.glob("*.cc"))
    objects = compile_all(compiler, flags, [*shared, *own])
    wasm, _ = build_runtime.link(compiler, variant, objects)
    return wasm.read_bytes()
