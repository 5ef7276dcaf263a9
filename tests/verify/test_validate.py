"""Validation of a package: damage is found, whichever file it hits; another source is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.echo_package import echo

from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.verify.reference import Flat
from wasm_torch_web.verify.validate import check_integrity, check_source, validate


def test_a_sound_package_passes_its_self_test(package: Path) -> None:
    report = validate(package)
    assert report.passed
    assert [run.trial for run in report.runs] == ["self-test"]


def test_with_a_source_pytorch_is_asked_too(package: Path) -> None:
    report = validate(package, echo, ["relaxed-single", "simd128-single"])
    assert {run.trial for run in report.runs} >= {"self-test", "known inputs", "random inputs"}
    assert list(report.variants) == ["relaxed-single", "simd128-single"]
    assert report.failures() == ["x_out"]


NAMES = ["plan.bin", "weights-00.bin", "golden.bin", "index.js", "runtime-simd128-single.wasm"]


@pytest.mark.parametrize("name", [*NAMES, "headers/nginx.conf", "README.md", "tokenizer.json"])
def test_a_flipped_bit_is_found(package: Path, name: str) -> None:
    data = bytearray((package / name).read_bytes())
    data[-1] ^= 1
    (package / name).write_bytes(data)
    with pytest.raises(UserError) as caught:
        validate(package)
    assert caught.value.code == "WTW304"
    assert name in caught.value.message


@pytest.mark.parametrize("name", [*NAMES, "package.json"])
def test_a_missing_file_is_found(package: Path, name: str) -> None:
    (package / name).unlink()
    with pytest.raises(UserError) as caught:
        validate(package)
    assert caught.value.code == "WTW303"


def test_the_damaged_block_is_named(package: Path) -> None:
    data = bytearray((package / "weights-00.bin").read_bytes())
    data[70_000] ^= 1
    (package / "weights-00.bin").write_bytes(data)
    with pytest.raises(UserError, match="block 1"):
        check_integrity(package, manifests.read(package))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"wasm-torch-web": {"sha256": 1}}'])
def test_a_foreign_package_json_is_refused(package: Path, text: str) -> None:
    (package / "package.json").write_text(text)
    with pytest.raises(UserError, match="WTW304"):
        validate(package)


def test_a_package_without_golden_data_is_refused(package: Path) -> None:
    manifest = json.loads((package / "model.json").read_text())
    del manifest["golden"]
    (package / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="golden"):
        validate(package)


def test_another_source_is_told_apart(package: Path) -> None:
    def other(runs: Sequence[Flat]) -> list[Flat]:
        return [{name: value + 1 for name, value in run.items()} for run in echo(runs)]

    check_source(package, manifests.read(package), echo)
    with pytest.raises(UserError) as caught:
        check_source(package, manifests.read(package), other)
    assert caught.value.code == "WTW605"
    assert "x_out" in caught.value.message
