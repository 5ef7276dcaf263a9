"""csrc/ in, the wasm variants in wasm_torch_web/runtime/ out, and a table of their sizes.

Compiled once a SIMD level, linked twice: with and without shared memory. No Emscripten JavaScript
comes with them: our own loader supplies memory and starts threads. What a module exports is marked
in the C++ (WTW_EXPORT), not listed here. A source named *_threads.cc is linked into threaded
variants only (TLS symbols exist only there), one named *_single.cc into the others only.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import brotli
import emscripten
from common import ROOT, content_hash, run, write_if_changed
from compile import (
    Compiler,
    cache,
    compile_all,
    generate,
    in_parallel,
    prune,
    runtime_sources,
    say,
)

from wasm_torch_web.variants import VARIANTS as NAMES

OUT = ROOT / "wasm_torch_web/runtime"
# V8 keeps wasm's instruction order, and LLVM's schedulers hoist loads until registers spill:
# source order doubles the speed of the hot loops.
ORDER = ("-mllvm", "-pre-RA-sched=source", "-mllvm", "-enable-misched=0")
# atomics in every object, so that the same ones link with and without shared memory.
COMPILE = ("-matomics", "-mbulk-memory", "-msimd128", *ORDER)
# The first that matches a source is how it is optimised. -O3 for all of them is 25 KB more.
LEVELS = (
    # What runs once for a plan or a set of sizes.
    (
        "-Oz",
        r"csrc/(api|core/(arena|bind|decide|describe|expr|memory|model|peek|plan|session|tensor)).*\.cc$",
    ),
    # Kernels that wait for memory, or whose time is spent in calls of those below.
    (
        "-Os",
        r"(/convert|/kernels/(columns|combine|creation|embedding|gather|gemm_pack|indexing|matmul"
        r"|padding|scan|shape|sorting|strided_copy|upsample_taps))\.cc$",
    ),
    ("-O2", ""),
)
LINK = ("-O3", "-sSTANDALONE_WASM", "--no-entry", "-sALLOW_MEMORY_GROWTH", "-sMAXIMUM_MEMORY=4GB")
IMPORTED = ("-sIMPORTED_MEMORY", "-sINITIAL_MEMORY=4MB", "-sSTACK_SIZE=256KB")
SHARED = ("-sSHARED_MEMORY",)
STRICT = ("-Werror", "-Wl,--fatal-warnings")
SIMD = {"relaxed": ("-mrelaxed-simd",), "simd128": ()}


@dataclass(frozen=True)
class Variant:
    """One wasm file."""

    name: str
    simd: str
    threads: bool
    link: tuple[str, ...]


def shipped(name: str) -> Variant:
    """A variant of wasm_torch_web/variants.py."""
    simd, kind = name.split("-")
    threads = kind == "threads"
    return Variant(name, simd, threads, (*IMPORTED, *(SHARED if threads else ())))


# For running from Python: the same objects with a memory of its own.
WASI = Variant("wasi", "simd128", False, ("-sSTACK_SIZE=256KB",))
VARIANTS = (*map(shipped, NAMES), WASI)


def main() -> None:
    """All variants; those that the command line names, to try a change."""
    found = emscripten.find()
    generate()
    compiler = Compiler(found.empp, found.version, found.env)
    sources = runtime_sources()
    wanted = [variant for variant in VARIANTS if variant.name in (sys.argv[1:] or [variant.name])]
    levels = {variant.simd for variant in wanted}
    objects = {simd: compile_for(compiler, simd, sources) for simd in levels}

    def build(variant: Variant) -> tuple[str, list[int]]:
        other = "_single.cc" if variant.threads else "_threads.cc"
        chosen = [o for s, o in objects[variant.simd].items() if not s.name.endswith(other)]
        wasm, sizes = link(compiler, variant, chosen)
        write_if_changed(OUT / f"runtime-{variant.name}.wasm", wasm.read_bytes())
        return f"runtime-{variant.name}.wasm", sizes

    print_table(found.version, in_parallel(build, wanted))
    prune()


def compile_for(compiler: Compiler, simd: str, sources: Sequence[Path]) -> dict[Path, Path]:
    """Source -> object for one SIMD level."""
    chosen: dict[str, list[Path]] = {level: [] for level, _ in LEVELS}
    for source in sources:
        level = next(level for level, wanted in LEVELS if re.search(wanted, source.as_posix()))
        chosen[level].append(source)
    return {
        source: compiled
        for level, some in chosen.items()
        for source, compiled in zip(
            some, compile_all(compiler, (level, *COMPILE, *SIMD[simd]), some), strict=True
        )
    }


def link(compiler: Compiler, variant: Variant, objects: Sequence[Path]) -> tuple[Path, list[int]]:
    """The linked module, from the cache if it can be, and its sizes: raw, gzip, brotli."""
    flags = (*LINK, *variant.link, *STRICT)
    key = content_hash([compiler.version, *flags, *(path.name for path in objects)])
    wasm, sizes = cache("links", f"{key}.wasm"), cache("links", f"{key}.json")
    if not sizes.is_file():
        fresh = cache("links", f"{key}.{os.getpid()}.wasm")
        say(f"link {variant.name} (the first time, emscripten compiles its libraries: a minute)")
        run([*compiler.command, *flags, *objects, "-o", fresh], quiet=True, env=compiler.env)
        data = fresh.replace(wasm).read_bytes()
        measured = [len(data), len(gzip.compress(data, 9)), len(brotli.compress(data))]
        write_if_changed(sizes, json.dumps(measured).encode())
    os.utime(wasm)
    os.utime(sizes)
    return wasm, json.loads(sizes.read_bytes())


def print_table(version: str, rows: Sequence[tuple[str, list[int]]]) -> None:
    print(f"{'emscripten ' + version:32}{'raw':>10}{'gzip':>10}{'brotli':>10}")
    for name, sizes in rows:
        print(f"{name:32}" + "".join(f"{size / 1024:>7.1f} KB" for size in sizes))


if __name__ == "__main__":
    main()
