"""model.json with a few things changed: Python and TypeScript refuse it with the same code."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bad_inputs.corpus import packages
from bad_inputs.corpus.case import manifest_of
from hypothesis.strategies import SearchStrategy

from fuzz.harness import Check, Fuzzer, coded
from fuzz.mutation import json_files
from wasm_torch_web.errors import ERRORS
from wasm_torch_web.format import manifest as manifests

ROOT = Path(__file__).parents[2]
NAMES = ("static", "dynamic")
# Files beside model.json are looked at by Python alone.
OF_FILES = tuple(ERRORS[slug].code for slug in ("file-missing", "file-corrupt"))


@contextmanager
def _open(folder: Path) -> Iterator[tuple[SearchStrategy[Any], Check]]:
    (folder / "packages").mkdir()
    built = packages.write(folder / "packages", NAMES)
    valid = [manifest_of(package) for package in built.values()]
    script = folder / "manifest.mjs"
    _bundled(Path(__file__).with_name("manifest.ts"), script)
    place = folder / "changed"
    place.mkdir()
    pipe = subprocess.PIPE
    with subprocess.Popen(["node", script], stdin=pipe, stdout=pipe, text=True) as node:
        assert node.stdin is not None and node.stdout is not None
        reader, writer = node.stdout, node.stdin

        def check(content: bytes) -> None:
            (place / manifests.FILE).write_bytes(content)
            python = coded(lambda: manifests.read(place))
            writer.write(base64.b64encode(content).decode() + "\n")
            writer.flush()
            typescript = reader.readline().strip()
            assert ("ok" if python in OF_FILES else python) == typescript

        yield json_files(valid), check
        writer.close()


def _bundled(source: Path, out: Path) -> None:
    esbuild = ROOT / "node_modules" / ".bin" / "esbuild"
    options = ["--bundle", "--platform=node", "--format=esm", "--log-level=error"]
    subprocess.run([esbuild, source, *options, f"--outfile={out}"], check=True)


FUZZER = Fuzzer("manifests", _open, ("/wasm_torch_web/format/",))
