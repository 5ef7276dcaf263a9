"""csrc/ in, build/native/ out: the same kernels for this machine, where sanitizers can see them.

    python scripts/build_native.py [plain] [asan] [fuzz] [scalar]

plain: libwtw.so. asan: libwtw-asan.so, ASan and UBSan; start the program that loads it with
`sanitizer_environment()`. fuzz: one libFuzzer program per csrc/fuzz/*.cc. scalar:
libwtw-scalar.so, one lane after the other, which counts lines and branches for llvm-cov. SIMDe
supplies wasm_simd128.h. Besides the shared sources each takes csrc/native/, and no *_threads.cc or
*_single.cc, which are about wasm.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import toolchain
from common import BUILD, ROOT, content_hash, run, write_if_changed
from compile import (
    CSRC,
    Compiler,
    cache,
    compile_all,
    generate,
    prune,
    runtime_sources,
)

OUT = BUILD / "native"
# FMA and AVX2 where everyone has them: madd() is then rounded once, as relaxed SIMD does it.
MACHINE = ("-march=x86-64-v3",) if platform.machine() == "x86_64" else ()
DEFINES = ("-DWTW_NATIVE", *MACHINE)
COMMON = (*DEFINES, "-fPIC", "-pthread", "-g")
SANITIZE = "address,undefined"
# For the library, too: one compilation serves both, and what guides a fuzzer takes no time.
CHECKED = (
    "-O1",
    "-fno-omit-frame-pointer",
    "-fno-sanitize-recover=all",
    f"-fsanitize=fuzzer-no-link,{SANITIZE}",
)
COMPILE = {
    "plain": ("-O2",),
    "asan": CHECKED,
    "fuzz": CHECKED,
    "scalar": (
        *("-O1", "-fno-vectorize", "-fno-slp-vectorize", "-include", "csrc/native/scalar.h"),
        *("-fprofile-instr-generate", "-fcoverage-mapping"),
        *("-mllvm", "-runtime-counter-relocation"),  # counted in the file itself
    ),
}
# A missing kernel fails the link, as in wasm. csrc/native/allocations.cc counts and refuses memory,
# regions.cc stands before pool::run.
WRAPPED = [
    f"-Wl,--wrap={name}"
    for name in ("malloc", "calloc", "aligned_alloc", "free", "_ZN3wtw4pool3runElPFvPvliES1_")
]
SHARED = ("-shared", "-Wl,-z,defs", *WRAPPED)
LINK = {
    "plain": SHARED,
    "asan": (*SHARED, "-shared-libsan", f"-fsanitize={SANITIZE}"),
    "fuzz": (f"-fsanitize=fuzzer,{SANITIZE}", *WRAPPED),
    "scalar": (*SHARED, "-fprofile-instr-generate"),
}


def build(kind: str) -> list[Path]:
    """Build one kind and say what came out."""
    compiler, flags = find_compiler(), (*COMMON, *COMPILE[kind])
    sources = [s for s in runtime_sources() if not s.name.endswith(("_threads.cc", "_single.cc"))]
    sources += sorted((CSRC / "native").rglob("*.cc"))
    objects = compile_all(compiler, flags, sources)
    if kind != "fuzz":
        name = "libwtw.so" if kind == "plain" else f"libwtw-{kind}.so"
        return [link(compiler, kind, objects, OUT / name)]
    mains = sorted((CSRC / "fuzz").glob("*.cc"))
    own = compile_all(compiler, flags, mains)
    return [
        link(compiler, kind, [*objects, main_object], OUT / "fuzz" / main.stem)
        for main, main_object in zip(mains, own, strict=True)
    ]


def link(compiler: Compiler, kind: str, objects: Sequence[Path], out: Path) -> Path:
    """Link unless the same objects have been linked before."""
    flags = ("-pthread", *LINK[kind])
    key = content_hash([compiler.version, *flags, *(path.name for path in objects)])
    linked = cache("links", f"{key}.native")
    if not linked.is_file():
        fresh = linked.with_suffix(f".{os.getpid()}")
        run([*compiler.command, *objects, *flags, "-o", fresh], env=compiler.env)
        fresh.replace(linked)
    write_if_changed(out, linked.read_bytes())
    out.chmod(0o755)
    return out


def find_compiler() -> Compiler:
    path = toolchain.clang("clang++") or sys.exit("no clang++ found: run make setup")
    return Compiler((str(path),), _ask(path, "--version"))


def sanitizer_environment() -> dict[str, str]:
    """Variables for a program not built with ASan, such as Python, that loads our library."""
    name = f"libclang_rt.asan-{platform.machine()}.so"
    runtime = _ask(Path(find_compiler().command[0]), f"-print-file-name={name}")
    symbolizer = toolchain.clang("llvm-symbolizer") or ""
    return {
        "ASAN_SYMBOLIZER_PATH": str(symbolizer),
        "UBSAN_SYMBOLIZER_PATH": str(symbolizer),
        "LD_PRELOAD": runtime,
        "ASAN_OPTIONS": "detect_leaks=0",  # Python itself leaks at exit
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def _ask(program: Path, question: str) -> str:
    done = subprocess.run([program, question], capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    generate()
    for wanted in sys.argv[1:] or ["plain", "asan"]:
        for built in build(wanted):
            print(built.relative_to(ROOT))
    prune()
