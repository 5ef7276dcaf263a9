"""bench.cc and the runtime's own objects in, one wasm module out (relaxed SIMD, one thread)."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import build_runtime  # noqa: E402
import emscripten  # noqa: E402
from compile import Compiler, compile_all, generate, runtime_sources  # noqa: E402

VARIANT = build_runtime.Variant("bench", "relaxed", False, build_runtime.IMPORTED)


def build() -> bytes:
    """The module; objects that the runtime's build has made are taken from its cache."""
    found = emscripten.find()
    generate()
    compiler = Compiler(found.empp, found.version, found.env)
    flags = (*build_runtime.COMPILE, *build_runtime.SIMD[VARIANT.simd])
    shared = [s for s in runtime_sources() if not s.name.endswith("_threads.cc")]
    objects = compile_all(compiler, flags, [*shared, Path(__file__).parent / "bench.cc"])
    wasm, _ = build_runtime.link(compiler, VARIANT, objects)
    return wasm.read_bytes()
