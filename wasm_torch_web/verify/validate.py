"""A package in, a report out: every file's hash, the self-test in Chromium, PyTorch beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.verify import golden
from wasm_torch_web.verify.chromium import apart, describe, launched
from wasm_torch_web.verify.parity import (
    SELF_TEST,
    Expected,
    Progress,
    compare_in,
    expect,
    self_tested,
)
from wasm_torch_web.verify.reference import Reference
from wasm_torch_web.verify.report import Report
from wasm_torch_web.verify.session import open_package


def validate(
    package: Path,
    reference: Reference | None = None,
    variants: Sequence[str] | None = None,
    progress: Progress = lambda step: None,
) -> Report:
    """Checks a package as it lies there; with `reference` against PyTorch, else by its golden data.

    Raises UserError for damaged files, source-differs, no-chromium, browser-failed.
    """
    progress("checking the files")
    manifest = manifests.read(package)
    if not manifest.get("golden"):
        raise UserError("manifest-invalid", path=package / manifests.FILE, reason="no golden data")
    check_integrity(package, manifest)
    expected = None
    if reference is not None:
        check_source(package, manifest, reference)
        expected = expect(package, reference, progress)
    return _in_chromium(package, expected, variants, progress)


@apart
def _in_chromium(
    package: Path, expected: Expected | None, variants: Sequence[str] | None, progress: Progress
) -> Report:
    with launched() as browser:
        report = Report(describe(browser))
        asked: Sequence[str | None] = variants or [None]
        with open_package(browser, package) as model:
            for variant in asked:
                info = model.load(variant)
                progress(f"{info['variant']}: {SELF_TEST}")
                report.variants[info["variant"]] = info["why"]
                report.runs.append(self_tested(model, info["variant"]))
        if expected is not None:
            report.add(compare_in(browser, package, expected, variants, progress))
        return report


def check_integrity(package: Path, manifest: Manifest) -> None:
    """Raises file-missing or file-corrupt for the first file that is not what was built."""
    check_files(package, manifest)
    for name, digest in _other_hashes(package).items():
        _check_file(package / name, 0, [digest])


def check_files(package: Path, manifest: Manifest) -> None:
    """The same of those files that the manifest describes."""
    weights = manifest["weights"]
    for entry in (manifest["plan"], manifest.get("golden")):
        if entry:
            _check_file(package / entry["file"], 0, [entry["sha256"]])
    for shard in weights["shards"]:
        _check_file(package / shard["file"], weights["blockBytes"], shard["sha256"])


def _check_file(path: Path, size: int, hashes: Sequence[str]) -> None:
    """With a hash for each block of that size, or (0) for the whole file."""
    if not path.is_file():
        raise UserError("file-missing", path=path)
    with path.open("rb") as file:
        for block, expected in enumerate(hashes):
            data = file.read(size) if size else file.read()
            if hashlib.sha256(data).hexdigest() != expected:
                raise UserError("file-corrupt", path=path, reason=f"block {block} is damaged")


def check_source(package: Path, manifest: Manifest, reference: Reference) -> None:
    """Raises source-differs unless PyTorch gives the golden outputs (up to the tolerance)."""
    for case in range(len(manifest["golden"]["cases"])):
        [outputs] = reference([golden.read_inputs(package, manifest, case)])
        differing = golden.differences(package, manifest, case, outputs)
        if differing:
            reason = f"other values of {', '.join(differing)}"
            raise UserError("source-differs", source="this", package=package, reason=reason)


def _other_hashes(package: Path) -> dict[str, str]:
    """What package.json says of the files that are the same for many models."""
    path = package / "package.json"
    try:
        hashes: Any = json.loads(path.read_bytes())[manifests.GENERATOR]["sha256"]
        return {str(name): str(digest) for name, digest in hashes.items()}
    except OSError as error:
        raise UserError("file-missing", path=path) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UserError("file-corrupt", path=path, reason="not written by this tool") from error
