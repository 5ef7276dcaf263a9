"""`build` and `inspect` on a small model: the package is there, the result says what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from support.models import Net, write_archive, write_factory

from wasm_torch_web import footprint
from wasm_torch_web.cli import invoke
from wasm_torch_web.cli.options import read_options
from wasm_torch_web.compiler import compile_program
from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.opening import open_source


class Two(torch.nn.Module):
    """Two layers whose intermediate value is larger than input and output."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(4, 32)
        self.second = torch.nn.Linear(32, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x).relu())


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return write_archive(tmp_path / "Two_Layers.pth", Two(), (torch.zeros(3, 4),))


def answer(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, Any]:
    code = invoke([*map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_build(capsys: pytest.CaptureFixture[str], archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "pkg"
    code, content = answer(capsys, "build", archive, "--out", out, "--no-verify")
    assert code == 0, content
    result = content["result"]
    assert (result["name"], result["version"]) == ("two-layers", "0.1.0")
    assert result["verification"] == "skipped"
    assert result["parameters"] == 4 * 32 + 32 + 32 * 2 + 2
    assert result["operators"] == len(manifests.read(out)["graph"]["nodes"])
    on_disk = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    assert result["bytes"]["disk"] == on_disk
    assert set(result["seconds"]) == {"load", "capture", "compile", "arrange", "write", "pack"}


def test_summary(capsys: pytest.CaptureFixture[str], archive: Path, tmp_path: Path) -> None:
    words = ["build", archive, "--out", tmp_path / "pkg", "--no-verify", "--explain"]
    assert invoke([*map(str, words), "--name", "@me/two", "--version", "2.0.0-rc.1"]) == 0
    said = capsys.readouterr().out
    assert "@me/two 2.0.0-rc.1" in said
    assert "not yet (--no-verify)" in said
    assert "remove_dead_code" in said
    assert str(tmp_path)[:30] in said
    assert max(map(len, said.splitlines())) <= 80


def test_out_is_replaced_only_if_it_is_ours(
    capsys: pytest.CaptureFixture[str], archive: Path, tmp_path: Path
) -> None:
    out = tmp_path / "pkg"
    out.mkdir()
    (out / "precious").write_text("x")
    words = ["build", archive, "--out", out, "--no-verify"]
    code, content = answer(capsys, *words)
    assert (code, content["error"]["code"]) == (1, "WTW115")
    assert (out / "precious").exists()
    assert answer(capsys, *words, "--force")[0] == 0
    assert not (out / "precious").exists()
    assert answer(capsys, *words)[0] == 0


def test_a_failed_build_leaves_nothing(
    capsys: pytest.CaptureFixture[str], archive: Path, tmp_path: Path
) -> None:
    before = {path.name for path in tmp_path.iterdir()}
    code, content = answer(
        capsys, "build", archive, "--out", tmp_path / "pkg", "--dynamic", "x.0=1..9"
    )
    assert (code, content["error"]["code"]) == (1, "WTW210")
    assert {path.name for path in tmp_path.iterdir()} == before


def test_no_browser(
    capsys: pytest.CaptureFixture[str],
    archive: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The package is there, marked as not verified, and the exit code says why."""
    monkeypatch.setenv("CHROMIUM", "/no/such/browser")
    code, content = answer(capsys, "build", archive, "--out", tmp_path / "pkg")
    assert (code, content["error"]["code"]) == (4, "WTW602")
    assert content["error"]["where"] == "CHROMIUM=/no/such/browser"
    assert manifests.read(tmp_path / "pkg")["verified"] is None


def test_inspect_a_package(
    capsys: pytest.CaptureFixture[str], archive: Path, tmp_path: Path
) -> None:
    answer(capsys, "build", archive, "--out", tmp_path / "pkg", "--no-verify")
    code, package = answer(capsys, "inspect", tmp_path / "pkg")
    assert code == 0
    code, source = answer(capsys, "inspect", archive)
    assert code == 0
    for key in ("inputs", "outputs", "operators", "parameters", "memory", "weights"):
        assert package["result"][key] == source["result"][key]
    # Input and hidden value live at once, or hidden value and output: (3, 4), (3, 32), (3, 2); they
    # take whole lines of 64 bytes.
    assert package["result"]["memory"]["peak"] == 64 + 4 * 3 * 32


def test_a_source_is_opened_as_its_package_was_built(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The weights of a module without examples, compared again with --model alone."""
    torch.save(Net().state_dict(), tmp_path / "net.pth")
    model = ["--model", f"{write_factory(tmp_path)}:make"]
    words = [tmp_path / "net.pth", *model]
    asked = ["--input", "x=float32:5x3", "--dynamic", "x.0=rows:2..9"]
    out = ["--out", tmp_path / "pkg"]
    assert answer(capsys, "build", *words, *asked, *out, "--no-verify")[0] == 0
    options = read_options(f"{tmp_path / 'net_factory.py'}:make", (), (), False)
    weights = str(tmp_path / "net.pth")
    with pytest.raises(UserError, match="WTW109"):
        open_source(weights, options, str)
    again = open_source(weights, options, str, (), tmp_path / "pkg")
    assert again.source.args[0].shape == (5, 3)
    (rows,) = compile_program(again.program, again.axes).graph.symbols
    assert (rows.min, rows.max) == (2, 9)
    code, content = answer(capsys, "bisect", tmp_path / "pkg", "--source", *words)
    assert (code, content["result"]["first"]) == (0, None)


def test_inspect_says_the_sizes_of_its_memory(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = torch.export.Dim("rows", min=2, max=64)
    program = torch.export.export(
        Two().eval(), (torch.zeros(5, 4),), dynamic_shapes={"x": {0: rows}}
    )
    torch.export.save(program, tmp_path / "a.pt2")
    answer(capsys, "build", tmp_path / "a.pt2", "--out", tmp_path / "pkg", "--no-verify")
    result = answer(capsys, "inspect", tmp_path / "pkg")[1]["result"]
    (size,) = result["memory"]["symbols"].values()
    assert size == 5
    assert result["memory"]["peak"] == 2 * 64 + 4 * 5 * 32


def test_footprint_counts_one_visit(archive: Path, tmp_path: Path) -> None:
    assert invoke(["build", str(archive), "--out", str(tmp_path / "pkg"), "--no-verify"]) == 0
    manifest = manifests.read(tmp_path / "pkg")
    size = footprint.measure(tmp_path / "pkg", manifest)
    assert size.raw["weights"] == manifest["weights"]["bytes"]
    assert size.download == sum(size.compressed.values()) < sum(size.raw.values()) < size.disk
