"""`wasm-torch-web run`: files in, files out, one run or many, in three engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from torch import nn

import wasm_torch_web
from wasm_torch_web.cli import invoke

ENGINES = ("wasmtime", "node", "chromium")


class Sum(nn.Module):
    """A row-wise sum and its mean."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"sum": x + y, "mean": (x + y).mean(1)}


class Root(nn.Module):
    """One input, NaN for negative numbers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sqrt()


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    rows = ["x.0=rows:1..9", "y.0=rows:1..9"]
    pair = (torch.ones(2, 3), torch.ones(2, 3))
    wasm_torch_web.build(Sum(), pair, out=folder / "sum", dynamic=rows, verify=False)
    example = (torch.ones(3),)
    dynamic = ["x.0=n:1..9"]
    wasm_torch_web.build(Root(), example, out=folder / "root", dynamic=dynamic, verify=False)
    return folder


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, Any]]:
    """Exit code and the one object of `run ... --json`."""
    code = invoke(["run", *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("runner", ENGINES)
def test_the_same_from_every_engine(
    packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], runner: str
) -> None:
    x = numpy.arange(6, dtype="float32").reshape(2, 3)
    numpy.save(tmp_path / "x.npy", x)
    (tmp_path / "y.json").write_text(json.dumps({"data": [1, 2, 3, 4, 5, 6], "shape": [2, 3]}))
    out = tmp_path / "out.npz"
    words = ["--input", f"x={tmp_path / 'x.npy'}", "--input", f"y={tmp_path / 'y.json'}"]
    code, _ = answer(capsys, packages / "sum", *words, "--output", out, "--engine", runner)
    assert code == 0
    found = numpy.load(out)
    total = x + numpy.arange(1, 7, dtype="float32").reshape(2, 3)
    assert numpy.array_equal(found["sum"], total)
    assert found["mean"] == pytest.approx(total.mean(1))


def test_json_in_and_out(
    packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.json").write_text('[4, -1, "inf"]')
    words = [packages / "root", "--input", tmp_path / "in.json"]
    code, content = answer(capsys, *words, "--output", tmp_path / "out.json")
    assert code == 0 and content["result"] == {"output": str(tmp_path / "out.json")}
    output = {"dtype": "float32", "shape": [3], "data": [2.0, "nan", "inf"]}
    assert json.loads((tmp_path / "out.json").read_text()) == {"output": output}
    code, content = answer(capsys, *words)
    assert content["result"]["outputs"] == {"output": output}


def test_many_runs_go_on_where_they_stopped(
    packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ['{"x": [1, 4]}', "[9]", '{"z": [1]}', "[16, 25, 36]"]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    out = tmp_path / "out.jsonl"
    words = [packages / "root", "--input", tmp_path / "in.jsonl", "--output", out]
    code, content = answer(capsys, *words)
    assert code == 1 and content["error"]["code"] == "WTW523"
    assert content["result"] == {"output": str(out), "runs": 4, "failed": 1}
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["input"] for line in found] == [f"in.jsonl:{n}" for n in (1, 2, 3, 4)]
    assert found[2]["error"]["code"] == "WTW502"
    assert found[3]["outputs"]["output"]["data"] == [4, 5, 6]

    # Interrupted in the middle of the second line; what the first says is not computed again.
    out.unlink()
    manifest = json.loads((packages / "root/model.json").read_text())
    partial = tmp_path / f".out.jsonl.{manifest['plan']['sha256'][:12]}.partial"
    partial.write_text('{"input": "in.jsonl:1", "outputs": {"kept": 1}}\n{"input": "in.js')
    code, _ = answer(capsys, *words)
    again = [json.loads(line) for line in out.read_text().splitlines()]
    assert again[0]["outputs"] == {"kept": 1} and again[1:] == found[1:]
    assert not partial.exists()

    partial.write_text('{"input": "others.jsonl:1", "outputs": {}}\n')
    code, content = answer(capsys, *words)
    assert code == 1 and content["error"]["code"] == "WTW522"


def test_a_folder_is_many_runs(
    packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    numpy.savez(folder / "b.npz", x=numpy.ones((1, 3), "f4"), y=numpy.ones((1, 3), "f4"))
    (folder / "a.json").write_text('{"x": [[1, 2, 3]], "y": [[1, 1, 1]]}')
    (folder / "notes.txt").write_text("not an input")
    out = tmp_path / "out.jsonl"
    code, content = answer(
        capsys, packages / "sum", "--input", folder, "--output", out, "--engine", "node"
    )
    assert code == 0 and content["result"]["runs"] == 2
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(line["input"], line["outputs"]["mean"]["data"]) for line in found] == [
        ("a.json", [3.0]),
        ("b.npz", [2.0]),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not JSON"),
        ('{"x": [[1, 2, 3]]}', "y is missing"),
        ('{"x": [[1, 2, 3]], "y": [[1, 2], [3]]}', "y"),
        ('{"x": [[1, 2, 3]], "y": {"data": [1, 2], "shape": [1, 3]}}', "y"),
        ('{"x": [[1, 2, 3]], "y": {"data": [1]}}', "needs data and shape"),
        ("[1, 2]", "names no input"),
    ],
)
def test_bad_files_are_told(
    packages: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: str,
    words: str,
) -> None:
    (tmp_path / "in.json").write_text(content)
    code, told = answer(capsys, packages / "sum", "--input", tmp_path / "in.json")
    assert code == 1 and words in told["error"]["message"]


@pytest.mark.parametrize("name", ["wasmtime", "node"])
def test_numbers_that_are_none_may_be_refused(
    packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    x = numpy.float32([[1, -numpy.inf, 3]])
    numpy.savez(tmp_path / "in.npz", x=x, y=numpy.ones((1, 3), "f4"))
    words = (packages / "sum", "--input", tmp_path / "in.npz", "--engine", name)
    assert answer(capsys, *words, "--on-invalid", "allow")[0] == 0
    code, told = answer(capsys, *words, "--on-invalid", "error")
    assert (code, told["error"]["code"]) == (1, "WTW515")
    assert "input x has -inf at [0, 1]" in told["error"]["message"]


def test_bad_words_are_told(
    packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = packages / "root"
    (tmp_path / "in.json").write_text("[1]")
    pickled = tmp_path / "evil.npy"
    numpy.save(pickled, numpy.array([{}], dtype=object), allow_pickle=True)
    for words, expected in (
        ((package, "--input", tmp_path / "none.json"), (1, "WTW521")),
        ((package, "--input", pickled), (1, "WTW521")),
        ((package, "--input", tmp_path / "in.txt"), (1, "WTW521")),
        ((tmp_path, "--input", tmp_path / "in.json"), (1, "WTW301")),
        ((package, "--input", tmp_path / "in.json", "--output", "y.txt"), (2, "WTW100")),
        ((package, "--memory-limit", "much"), (2, "WTW100")),
        ((package, "--input", tmp_path), (2, "WTW100")),
        ((package, "--input", tmp_path / "in.json", "--memory-limit", "1MB"), (4, "WTW406")),
    ):
        code, content = answer(capsys, *words)
        assert (code, content["error"]["code"]) == expected, words
