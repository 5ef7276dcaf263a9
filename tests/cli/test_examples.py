"""The examples in the help of every command run as they stand, and leave one object on stdout."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from PIL import Image
from support.service import PATIENCE

import wasm_torch_web
from wasm_torch_web.cli import COMMANDS, PROGRAM, invoke

NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Conv2d(3, 4, 3, stride=2)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.body(x).relu().mean((2, 3)))


def make():
    return Net()


example_inputs = (torch.rand(2, 3, 32, 32),)
"""
SCORE = """
import numpy


def accuracy(model):
    return float(numpy.isfinite(model(x=numpy.zeros((1, 3, 32, 32), "float32"))["output"]).all())
"""


def lay_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder, with all that the examples name."""
    monkeypatch.chdir(folder)
    (folder / "net.py").write_text(NET)
    (folder / "score.py").write_text(SCORE)
    (folder / "names.txt").write_text("cat\ndog\nbird\n")
    code: dict[str, Any] = {}
    exec(NET, code)
    net = code["make"]().eval()
    torch.save(net.state_dict(), "weights.pth")
    batch = ["x.0=batch:1..8"]
    wasm_torch_web.save(net, code["example_inputs"], "model.pth", dynamic=batch)
    wasm_torch_web.build(
        net, code["example_inputs"], out="other", name="other", dynamic=batch, verify=False
    )
    x = numpy.random.default_rng(0).random((1, 3, 32, 32), "float32")
    numpy.save("x.npy", x)
    (folder / "rows.jsonl").write_text(f"{json.dumps(x.tolist())}\n" * 2)
    picture = Image.fromarray((x[0].transpose(1, 2, 0) * 255).astype("uint8"))
    (folder / "photos").mkdir()
    numpy.save("photos/c.npy", x)  # for who takes no pictures
    for name in ("photo.jpg", "photos/a.jpg", "photos/b.png"):
        picture.resize((60, 40)).save(name)


def examples(words: list[str], capsys: pytest.CaptureFixture[str]) -> list[list[str]]:
    """The words behind the program's name, of each line of a help that is a command."""
    assert invoke([*words, "--help"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    lines = [line.removeprefix("Start with: ") for line in lines]
    return [shlex.split(line)[1:] for line in lines if line.startswith(f"{PROGRAM} ")]


@pytest.mark.usefixtures("one_page")
def test_examples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order of the commands: what `build` makes is there for those behind it."""
    lay_out(tmp_path, monkeypatch)
    found = examples([], capsys)
    assert found
    for command in COMMANDS:
        own = examples([command], capsys)
        assert own and all(words[0] == command for words in own), command
        found += own
    for words in found:
        if words[0] == "serve":
            code, out = served(words)
        else:
            code, out = invoke([*words, "--json"]), capsys.readouterr().out
        told = json.loads(out)
        assert (code, told["ok"], told["command"]) == (0, True, words[0]), (words, told)
        assert isinstance(told["result"], dict)


def served(words: list[str]) -> tuple[int, str]:
    """On a port that is free, until it has answered."""
    command = [sys.executable, "-u", "-m", "wasm_torch_web", *words, "--json", "--port", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            assert process.stderr is not None
            found = (re.search(r"http://127\S+", line) for line in process.stderr)
            address = next(match[0] for match in found if match)
            with urllib.request.urlopen(address) as answer:
                assert answer.status == 200
            process.terminate()
            out, _ = process.communicate(timeout=PATIENCE)
            return process.returncode, out
        finally:
            process.kill()
