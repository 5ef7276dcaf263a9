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
TESTS = ("manifest", "limits", "stored", "fuzz")  # the last takes seconds
COPIED = ("js_runtime/src", "tests/js", "tests/format", "build/generated", "wasm_torch_web/format")
OPTIONS = ("--bundle", "--platform=node", "--format=esm", "--log-level=error")
SECONDS = 120


@contextmanager
def _open(folder: Path) -> Iterator[Judge]:
    subprocess.run(["node", "js_runtime/build.mjs", "--tests"], cwd=ROOT, check=True)
    whole = _bundled(_tree(folder))
    assert whole is not None

    def judge(mutant: Mutant) -> str:
        tree = _tree(folder)
        changed = tree / mutant.path
        changed.write_text(mutant.text())
        bundles = _bundled(tree)
        shutil.copyfile(ROOT / mutant.path, changed)
        if bundles is None or (bundles == whole and mutant.old != mutant.new):
            return NO_PROGRAM
        return SURVIVED if all(_passes(tree, name) for name in TESTS) else KILLED

    yield judge


def _tree(folder: Path) -> Path:
    """The copy of this process, which writes into it."""
    copy = folder / str(os.getpid())
    if not copy.exists():
        for part in COPIED:
            shutil.copytree(ROOT / part, copy / part)
        (copy / "node_modules").symlink_to(ROOT / "node_modules")
    return copy


def _bundled(tree: Path) -> list[bytes] | None:
    """The tests as node runs them; types leave no trace."""
    entries = [f"tests/js/{name}.test.ts" for name in TESTS]
    command = [ROOT / "node_modules" / ".bin" / "esbuild", *entries, *OPTIONS]
    command += ["--outdir=out", "--out-extension:.js=.mjs"]
    if subprocess.run(command, cwd=tree, capture_output=True, check=False).returncode:
        return None
    return [(tree / "out" / f"{name}.test.mjs").read_bytes() for name in TESTS]


def _passes(tree: Path, name: str) -> bool:
    command = ["node", "--max-old-space-size=2000", f"out/{name}.test.mjs"]
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


GROUPS = {"typescript": Group(FILES, _open)}
