"""model.json: written and read back; each thing that can be wrong is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.fake_model import fake_manifest, fake_model

from wasm_torch_web.errors import InternalError, UserError
from wasm_torch_web.format import manifest as manifests


@pytest.fixture
def package(tmp_path: Path) -> Path:
    fake_model(tmp_path)
    return tmp_path


def code(package: Path) -> str:
    with pytest.raises(UserError) as caught:
        manifests.read(package)
    return caught.value.code


def edit(package: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((package / "model.json").read_text())
    change(manifest)
    (package / "model.json").write_text(json.dumps(manifest))


def test_what_is_written_is_read(package: Path) -> None:
    manifest = manifests.read(package)
    manifests.write(package, manifest)
    assert manifests.read(package) == manifest
    assert not list(package.glob(".*"))


def test_it_is_too_large_to_be_inlined(package: Path) -> None:
    assert (package / "model.json").stat().st_size >= manifests.MIN_ASSET_BYTES


def test_a_folder_without_one_is_no_package(tmp_path: Path) -> None:
    assert code(tmp_path) == "WTW301"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "NaN", '{"format": NaN}', '{"a": 1e999}', "[" * 100_000, "\ud800"],
)
def test_what_is_not_json_is_refused(package: Path, text: str) -> None:
    (package / "model.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert code(package) == "WTW302"


def test_it_may_have_so_many_bytes(package: Path) -> None:
    path = package / "model.json"
    path.write_bytes(path.read_bytes().ljust(1 << 25))
    assert manifests.read(package)["name"] == "fake-model"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(UserError, match=f"larger than {manifests.MAX_BYTES} bytes"):
        manifests.read(package)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("7", 7), ("7.0", 7), ("7e2", 700), ("-0", 0), ("1" * 15, int("1" * 15))),
        *((str((1 << 53) - 1), (1 << 53) - 1), ("7.5", None), ("9" * 19, None), ("9" * 20, None)),
        *(("1e999", None), ("-1e999", None), ("NaN", None), ("-1", None), ("9" * 400, None)),
    ],
)
def test_numbers_are_as_in_javascript(package: Path, text: str, value: int | None) -> None:
    path = package / "model.json"
    path.write_text(path.read_text().replace('"parameters":25000', f'"parameters":{text}'))
    if value is None:
        assert code(package) == "WTW302"
    else:
        found = manifests.read(package)["parameters"]
        assert found == value and type(found) is int


@pytest.mark.parametrize(("size", "more"), [(0, 4160), (4159, 1), (4160, 0), (4161, 0), (10**6, 0)])
def test_bytes_that_keep_a_file_a_file(size: int, more: int) -> None:
    assert manifests.padding(size) == more


def test_a_long_manifest_ends_with_one_line_feed(package: Path) -> None:
    manifest = manifests.read(package)
    manifest["license"] = "x" * 4096
    manifests.write(package, manifest)
    assert (package / "model.json").read_bytes().endswith(b"}\n")


def test_files_of_a_manifest() -> None:
    manifest = fake_manifest()
    assert manifests.files(manifest) == {"plan.bin": 5000, "weights-00.bin": 100_000}
    manifest["golden"] = {"file": "golden.bin", "bytes": 8}
    assert manifests.files(manifest)["golden.bin"] == 8


def weight(offset: int = 0, **changes: Any) -> dict[str, Any]:
    """A weight of 128 bytes."""
    given = {"name": "w", "dtype": "float32", "shape": [32], "layout": "plain"}
    return {**given, "offset": offset, "bytes": 128, **changes}


HALF = {"storage": "float16"}


def put(*weights: dict[str, Any]) -> Callable[[dict[str, Any]], object]:
    return lambda m: m["weights"].update(tensors=[*weights])


def golden(change: Callable[[dict[str, Any]], object]) -> Callable[[dict[str, Any]], object]:
    """Of the first case."""
    return lambda m: change(m["golden"]["cases"][0])


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "format 9": lambda m: m.update(format=9),
    "format dict": lambda m: m.update(format={}),
    "programs is missing": lambda m: m.pop("programs"),
    "surplus": lambda m: m.update(surplus=1),
    "/plan/file": lambda m: m["plan"].update(file="../plan.bin"),
    "/weights/shards/0/file": lambda m: m["weights"]["shards"][0].update(file="/etc/passwd"),
    "add up to weights.bytes": lambda m: m["weights"].update(bytes=1),
    "the shards' sizes do not add up": put(weight(**HALF)),
    "does not begin where the one before it ends": put(weight(), weight(64)),
    "w does not begin where": put(weight(), weight(256)),
    "w has other bytes than its shape needs": put(weight(shape=[33])),
    "is no float32": lambda m: m["weights"].update(
        bytes=100_064, tensors=[weight(dtype="int32", **HALF)]
    ),
    "not 'float16'": put(weight(storage="x")),
    "one hash for each block": lambda m: m["weights"]["shards"][0]["sha256"].pop(),
    "beyond the weights": put(weight(shape=[32_000], bytes=128_000)),
    "two symbols have the same name": lambda m: m["symbols"].append(m["symbols"][0]),
    "no size is allowed for batch": lambda m: m["symbols"][0].update(min=65),
    "two files have the same name": lambda m: m["plan"].update(file="weights-00.bin"),
    "two inputs have the same name": lambda m: m["programs"]["forward"]["inputs"].append(
        m["programs"]["forward"]["inputs"][0]
    ),
    "node 0 names y, which is no value": lambda m: m["graph"]["nodes"].append(
        {"op": "relu", "inputs": ["y"], "outputs": []}
    ),
    "golden: fits 0 of 2 forms": lambda m: m["golden"].update(bytes=10**9),
    "golden data is not of the program's inputs": golden(lambda case: case["inputs"].clear()),
    "the golden data of x is of another": golden(
        lambda case: case["inputs"]["x"].update(dtype="int32")
    ),
    "the golden data of output is of another": golden(
        lambda case: case["outputs"]["output"].update(offset=2**18)
    ),
}


@pytest.mark.parametrize("reason", CHANGES)
def test_a_changed_manifest_is_refused(package: Path, reason: str) -> None:
    edit(package, CHANGES[reason])
    with pytest.raises(UserError) as caught:
        manifests.read(package)
    assert caught.value.code == "WTW302"
    assert reason in caught.value.message


@pytest.mark.parametrize(
    ("low", "high"), [(9, 0), (0.5, 9), (0, 2**32), (2**53, 2**53 + 2), (-1e300, 1e300)]
)
def test_golden_data_that_nobody_can_draw(package: Path, low: float, high: float) -> None:
    """Of integers. JavaScript said so by a RangeError, in the middle of a self-test."""
    drawn = {"random": {"seed": 1, "low": low, "high": high}, "dtype": "int64", "shape": [2]}

    def change(manifest: dict[str, Any]) -> None:
        manifest["programs"]["forward"]["inputs"][0].update(dtype="int64", shape=[2])
        manifest["golden"]["cases"][0]["inputs"]["x"] = drawn

    edit(package, change)
    with pytest.raises(UserError, match="golden data of x"):
        manifests.read(package)


def test_another_abi_has_its_own_code(package: Path) -> None:
    edit(package, lambda m: m.update(abi=1))
    assert code(package) == "WTW305"


@pytest.mark.parametrize("name", ["plan.bin", "weights-00.bin", "golden.bin"])
def test_files_must_be_there_in_full(package: Path, name: str) -> None:
    (package / name).write_bytes(b"short")
    assert code(package) == "WTW304"
    (package / name).unlink()
    assert code(package) == "WTW303"


@pytest.mark.parametrize("entry", ["plan", "golden"])
def test_content_is_given_only_where_the_hash_is_right(package: Path, entry: str) -> None:
    described = manifests.read(package)[entry]
    path = package / described["file"]
    data = path.read_bytes()
    assert manifests.content(package, described) == data
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(UserError, match="WTW304"):
        manifests.content(package, described)
    path.unlink()
    with pytest.raises(UserError, match="WTW303"):
        manifests.content(package, described)


def test_a_wrong_manifest_of_ours_is_our_bug(tmp_path: Path) -> None:
    manifest = fake_manifest()
    del manifest["plan"]
    with pytest.raises(InternalError):
        manifests.write(tmp_path, manifest)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"generator": {"name": "other"}}', "[" * 100_000]
)
def test_folders_of_others_are_told_apart(tmp_path: Path, text: str) -> None:
    assert not manifests.is_ours(tmp_path)
    (tmp_path / "model.json").write_text(text)
    assert not manifests.is_ours(tmp_path)


def test_folders_of_ours_are_known(package: Path) -> None:
    assert manifests.is_ours(package)
