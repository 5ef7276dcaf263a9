"""The *.cc here and the runtime's own objects in, one wasm module out (one thread)."""

from __future__ import annotations

from pathlib import Path

import build_runtime
import emscripten
from compile import Compiler, generate, runtime_sources


def build(simd: str) -> bytes:
    """The module; objects that the runtime's build has made are taken from its cache."""
    variant = build_runtime.Variant("bench", simd, False, build_runtime.IMPORTED)
    found = emscripten.find()
    generate()
    compiler = Compiler(found.empp, found.version, found.env)
    sources = [s for s in runtime_sources() if not s.name.endswith("_threads.cc")]
    sources += sorted(Path(__file__).parent.glob("*.cc"))
    objects = build_runtime.compile_for(compiler, simd, sources)
    wasm, _ = build_runtime.link(compiler, variant, list(objects.values()))
    return wasm.read_bytes()
