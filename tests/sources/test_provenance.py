"""What model.json says of its source: enough to build again, nothing of the machine."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from support.models import Net, write_archive, write_factory

from wasm_torch_web.pipeline import build
from wasm_torch_web.provenance import provenance
from wasm_torch_web.sources import Options, load
from wasm_torch_web.sources.detect import INDEX


def described(path: Path) -> dict[str, object]:
    data = path.read_bytes()
    return {"name": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_files_and_options_without_paths(tmp_path: Path) -> None:
    weights, array, factory = (
        tmp_path / "net.pth",
        tmp_path / "x.npy",
        Path(write_factory(tmp_path)),
    )
    torch.save(Net().state_dict(), weights)
    np.save(array, np.zeros((2, 3), np.float32))
    options = Options(f"{factory}:make", (f"x = @{array}",), ("math",), trust_pickle=True)
    dynamic = ["x.0=batch:1..8"]
    found = provenance(load(weights, options), options, dynamic)
    assert found == {
        "python": platform.python_version(),
        "source": "net",
        "files": [described(path) for path in (weights, factory, array)],
        "options": [
            *("--model", f"{factory.name}:make", "--input", "x=@x.npy", "--import", "math"),
            *("--dynamic", "x.0=batch:1..8", "--trust-pickle"),
        ],
    }
    assert str(tmp_path) not in json.dumps(found)


def test_all_shards_count(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    folder.mkdir()
    state = Net().state_dict()
    names = {key: f"part-{number}.safetensors" for number, key in enumerate(state)}
    for key, name in names.items():
        save_file({key: state[key]}, folder / name)
    (folder / INDEX).write_text(json.dumps({"weight_map": names}))
    options = Options(f"{write_factory(tmp_path)}:with_examples")
    found = provenance(load(folder, options), options, ())
    files = [folder / INDEX, *sorted(folder.glob("part-*"))]
    assert found["files"][:-1] == [described(path) for path in files]


def test_a_module_has_no_files() -> None:
    source = load(Net(), example_inputs=(torch.zeros(2, 3),))
    found = provenance(source, Options(), ())
    assert (found["source"], found["files"], found["options"]) == ("Net", [], [])


def test_names_that_are_no_unicode_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / "net-\udcff.pth"
    try:
        path.touch()
    except OSError:
        pytest.skip("the file system has only Unicode names")
    source = load(Net(), example_inputs=(torch.zeros(2, 3),))
    found = provenance(replace(source, files=[path]), Options(), ())
    assert json.dumps(found, ensure_ascii=False).encode()
    assert found["files"][0]["name"] == "net-?.pth"


def test_equal_builds_are_equal_to_the_byte(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "net.pth")
    manifests = []
    for name in ("a", "b"):
        manifest = build(archive, out=tmp_path / name, verify=False).manifest
        manifests.append((tmp_path / name / "model.json").read_bytes())
        assert manifest["provenance"]["files"] == [described(archive)]
    assert manifests[0] == manifests[1]


def test_no_source_info_leaves_it_out(tmp_path: Path) -> None:
    archive = write_archive(tmp_path / "net.pth")
    result = build(archive, out=tmp_path / "pkg", verify=False, source_info=False)
    assert "provenance" not in result.manifest
    assert b"net.pth" not in (tmp_path / "pkg" / "model.json").read_bytes()
