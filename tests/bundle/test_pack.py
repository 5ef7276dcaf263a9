"""The package: what npm sees in it, and that it is complete."""

from __future__ import annotations

import json
import re
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import brotli
import pytest
from support.fake_model import INPUTS, fake_model
from support.fake_runtime import fake_runtime

from wasm_torch_web.bundle import entry, pack, seal
from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import MIN_ASSET_BYTES

HOSTILE = "</script>*/`'\"\\|${x} "


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    return fake_runtime(tmp_path / "runtime")


@pytest.fixture
def package(tmp_path: Path, runtime: Path) -> Path:
    folder = tmp_path / "pkg"
    folder.mkdir()
    fake_model(folder)
    pack(folder, runtime)
    return folder


def read(path: Path) -> str:
    return path.read_text()


def read_json(path: Path) -> Any:
    return json.loads(read(path))


def test_npm_packs_every_file_and_says_nothing(package: Path) -> None:
    command = ["npm", "pack", "--dry-run", "--json", "--loglevel", "warn"]
    result = subprocess.run(command, cwd=package, capture_output=True, text=True, check=True)
    packed = {file["path"] for file in json.loads(result.stdout)[0]["files"]}
    assert packed == {p.relative_to(package).as_posix() for p in package.rglob("*") if p.is_file()}
    warnings = [line for line in result.stderr.splitlines() if "user config" not in line]
    assert warnings == []


def test_every_address_is_literal_and_leads_to_a_file(package: Path) -> None:
    for name in ("index.js", "index.node.js"):
        text = (package / name).read_text()
        for asset in entry.assets(read_json(package / "model.json")):
            assert f"new URL('./{asset}', import.meta.url)" in text
            assert (package / asset).stat().st_size >= MIN_ASSET_BYTES


def test_every_export_leads_to_a_file(package: Path) -> None:
    def targets(exports: Any) -> list[str]:
        if isinstance(exports, str):
            return [exports]
        return [target for value in exports.values() for target in targets(value)]

    fields = read_json(package / "package.json")
    for target in [*targets(fields["exports"]), *fields["bin"].values(), fields["main"]]:
        assert (package / target).is_file()


def test_nothing_runs_when_it_is_installed_and_nothing_else_is(package: Path) -> None:
    fields = read_json(package / "package.json")
    unwanted = ("scripts", "dependencies", "peerDependencies", "bundleDependencies", "binding")
    assert not fields.keys() & {*unwanted, "optionalDependencies", "gypfile"}


def test_package_json_has_the_hash_of_every_file_that_the_manifest_has_not(package: Path) -> None:
    hashes = read_json(package / "package.json")["wasm-torch-web"]["sha256"]
    assert {"index.js", "worker.js", "runtime-simd128-single.wasm", "headers/_headers"} <= set(
        hashes
    )
    assert not {"model.json", "plan.bin", "weights-00.bin", "golden.bin"} & set(hashes)
    for name, digest in hashes.items():
        assert sha256((package / name).read_bytes()).hexdigest() == digest


def test_the_entries_have_the_hashes_that_model_json_has_not(package: Path) -> None:
    for name in ("index.js", "index.node.js"):
        found = re.findall(r"\./([\w.-]+)', import.meta.url\),\n *'(\w{64})'", read(package / name))
        assert [file for file, _ in found] == ["model.json", *entry.WASM]
        for file, digest in found:
            assert sha256((package / file).read_bytes()).hexdigest() == digest


def test_a_package_whose_manifest_changes_is_sealed_anew(package: Path) -> None:
    manifest = read_json(package / "model.json") | {"parameters": 7}
    seal(package, manifest)
    assert read_json(package / "model.json")["parameters"] == 7
    assert sha256((package / "model.json").read_bytes()).hexdigest() in read(package / "index.js")
    hashes = read_json(package / "package.json")["wasm-torch-web"]["sha256"]
    assert sha256((package / "index.js").read_bytes()).hexdigest() == hashes["index.js"]


def test_a_tokenizer_is_carried_listed_and_exported(tmp_path: Path, runtime: Path) -> None:
    (tmp_path / "given.json").write_text('{"model": {}}')
    folder = tmp_path / "pkg"
    folder.mkdir()
    fake_model(folder)
    pack(folder, runtime, tmp_path / "given.json")
    assert (folder / "tokenizer.json").read_text() == '{"model": {}}'
    fields = read_json(folder / "package.json")
    assert fields["exports"]["./tokenizer.json"] == "./tokenizer.json"
    assert "tokenizer.json" in fields["files"]
    assert "tokenizer.json" in fields["wasm-torch-web"]["sha256"]
    assert f"{fields['name']}/tokenizer.json" in (folder / "README.md").read_text()
    assert "tokenizer.json" in copied(folder, tmp_path / "public")


def test_the_copy_command_copies_what_a_page_needs(package: Path, tmp_path: Path) -> None:
    needed = {"index.js", "loader.js", *entry.assets(read_json(package / "model.json"))}
    assert copied(package, tmp_path / "public") == needed


def test_the_copy_command_compresses_what_shrinks(package: Path, tmp_path: Path) -> None:
    plain, public = copied(package, tmp_path / "plain"), tmp_path / "public"
    compressed = copied(package, public, "--brotli") - plain
    shrinking = {name for name in plain if name == "plan.bin" or not name.endswith(".bin")}
    assert compressed == {f"{name}.br" for name in shrinking}
    for name in shrinking:
        assert brotli.decompress((public / f"{name}.br").read_bytes()) == (
            (package / name).read_bytes()
        )


def copied(package: Path, to: Path, *options: str) -> set[str]:
    """The names of the files that the package's own command copies."""
    command = ["node", package / "copy.js", "copy", to, *options]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    return {path.name for path in to.iterdir()}


@pytest.mark.parametrize(
    "arguments", [[], ["copy"], ["remove", "x"], ["copy", "a", "b"], ["copy", "--brotli"]]
)
def test_the_copy_command_explains_itself(package: Path, arguments: list[str]) -> None:
    result = subprocess.run(
        ["node", package / "copy.js", *arguments], capture_output=True, text=True
    )
    assert result.returncode == 2
    assert "npx fake-model copy DIR" in result.stderr


def test_the_service_worker_knows_files_that_never_change(package: Path) -> None:
    text = (package / "headers/service-worker.js").read_text()
    found = dict(re.findall(r"'([\w.-]+)': '([0-9a-f]{64})'", text))
    assert set(found) == {"loader.js", "worker.js", *entry.WASM}
    for name, digest in found.items():
        assert sha256((package / name).read_bytes()).hexdigest() == digest


def test_licence_author_and_card_are_told(tmp_path: Path, runtime: Path) -> None:
    (tmp_path / "README.md").write_text("# A model\n")
    folder = tmp_path / "pkg"
    folder.mkdir()
    manifest = fake_model(folder) | {"license": "MIT", "author": "A. Uthor <a@example.org>"}
    manifests.write(folder, manifest)
    pack(folder, runtime, card=tmp_path / "README.md")
    fields = read_json(folder / "package.json")
    assert (fields["license"], fields["author"]) == ("MIT", "A. Uthor <a@example.org>")
    assert (folder / "MODEL_CARD.md").read_text() == "# A model\n"
    assert "MODEL_CARD.md" in fields["files"]
    readme = (folder / "README.md").read_text()
    assert "The model's licence: `MIT`" in readme
    assert "[MODEL_CARD.md](MODEL_CARD.md)" in readme


def test_what_nobody_told_is_not_claimed(package: Path) -> None:
    assert not {"license", "author"} & set(read_json(package / "package.json"))
    assert "The model's licence: `not stated`" in (package / "README.md").read_text()


def test_hostile_input_names_harm_nothing(tmp_path: Path, runtime: Path) -> None:
    fake_model(tmp_path, inputs=[INPUTS[0] | {"name": HOSTILE}])
    pack(tmp_path, runtime)
    assert HOSTILE not in (tmp_path / "index.d.ts").read_text()
    for name in ("index.js", "index.node.js", "index.cjs", "copy.js"):
        assert "script>" not in (tmp_path / name).read_text()


def test_pack_is_the_same_twice(package: Path, runtime: Path) -> None:
    before = {p: p.read_bytes() for p in package.rglob("*") if p.is_file()}
    pack(package, runtime)
    assert before == {p: p.read_bytes() for p in package.rglob("*") if p.is_file()}


def test_a_missing_runtime_is_a_coded_error(tmp_path: Path) -> None:
    fake_model(tmp_path)
    with pytest.raises(UserError) as caught:
        pack(tmp_path, runtime=tmp_path / "nothing")
    assert caught.value.code == "WTW604"
