"""The validators in TypeScript: each mutant is bundled with the tests that import it, in a copy of
the sources, and node runs them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mutants.mutation import ROOT, Mutant
from mutants.running import KILLED, NO_PROGRAM, SURVIVED, Group, Judge

FILES = [f"js_runtime/src/{name}.ts" for name in ("schema", "rules", "manifest")]
TESTS = ("manifest", "stored", "fuzz")
COPIED = ("js_runtime/src", "tests/js", "build/generated", "wasm_torch_web/format")
SECONDS = 60
OPTIONS = ("--bundle", "--platform=node", "--format=esm", "--log-level=error")


@contextmanager
def _open(folder: Path) -> Iterator[Judge]:
    subprocess.run(["node", "js_runtime/build.mjs", "--tests"], cwd=ROOT, check=True)

    def tree() -> Path:
        """Of this process, as one writes into it."""
        copy = folder / str(os.getpid())
        if not copy.exists():
            for part in COPIED:
                shutil.copytree(ROOT / part, copy / part)
            (copy / "node_modules").symlink_to(ROOT / "node_modules")
        return copy

    def judge(mutant: Mutant) -> str:
        copy = tree()
        changed = copy / mutant.path
        changed.write_text(mutant.text())
        try:
            return _judged(copy)
        finally:
            shutil.copyfile(ROOT / mutant.path, changed)

    yield judge


def _judged(copy: Path) -> str:
    esbuild = ROOT / "node_modules" / ".bin" / "esbuild"
    entries = [f"tests/js/{name}.test.ts" for name in TESTS]
    bundle = [esbuild, *entries, *OPTIONS, "--outdir=out", "--out-extension:.js=.mjs"]
    if subprocess.run(bundle, cwd=copy, capture_output=True, check=False).returncode:
        return NO_PROGRAM
    for name in TESTS:
        test = ["node", "--max-old-space-size=2000", f"out/{name}.test.mjs"]
        try:
            done = subprocess.run(
                test, cwd=copy, capture_output=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return KILLED
        if done.returncode:
            return KILLED
    return SURVIVED


GROUPS = {"typescript": Group(FILES, _open)}
