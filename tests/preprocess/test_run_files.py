"""`wasm-torch-web run` on photos and recordings, one or many."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from models.pretrained import package, speech
from preprocess.conftest import PHOTOS
from support.conversion import Job, convert, samples
from support.sounds import sine, wav
from torch import nn

import wasm_torch_web
from wasm_torch_web.cli import invoke
from wasm_torch_web.engine import images

RECORDING = package("moonshine_onnx") / "assets" / "beckett.wav"


class Louder(nn.Module):
    """A sound of any length, twice as loud."""

    def forward(self, x: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
        return x * by


@pytest.fixture(scope="module")
def louder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("louder") / "pkg"
    example = (torch.zeros(1, 100), torch.zeros(1))
    options = {"dynamic": ["x.1=n:1..1000000"], "preprocess": ["x=audio:rate=16000"]}
    wasm_torch_web.build(Louder(), example, out=out, verify=False, **options)
    return out


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, Any]]:
    """Exit code and the one object of `run ... --json`."""
    code = invoke(["run", *map(str, words), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("runner", ["wasmtime", "node", "chromium"])
def test_a_photo_has_its_label(
    classifier: Path, capsys: pytest.CaptureFixture[str], runner: str
) -> None:
    photo = PHOTOS / "chelsea.png"
    code, content = answer(capsys, classifier, "--input", photo, "--engine", runner)
    assert code == 0
    best = content["result"]["classes"]["output"]
    assert len(best) == 5 and best[0]["label"] == "Egyptian cat"
    shares = torch.tensor(content["result"]["outputs"]["output"]["data"]).softmax(0)
    expected = [[one["score"], one["index"]] for one in best]
    assert pytest.approx(torch.stack([*shares.topk(5)]), abs=1e-6) == torch.tensor(expected).T


def test_a_person_reads_the_label(classifier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["run", str(classifier), "--input", f"x={PHOTOS / 'coffee.png'}"]) == 0
    assert "espresso" in capsys.readouterr().out


def test_a_folder_of_photos(
    classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for source, name in (("chelsea.png", "b.PNG"), ("coffee.png", "a.png")):
        shutil.copy(PHOTOS / source, folder / name)
    (folder / "c.jpg").write_bytes((PHOTOS / "rocket.jpg").read_bytes()[:5000])
    (folder / "notes.txt").write_text("not an input")
    shutil.copy(RECORDING, folder)  # nor a sound, which the package does not take
    out = tmp_path / "out.jsonl"
    code, content = answer(capsys, classifier, "--input", folder, "--output", out)
    assert code == 1 and content["result"] == {"output": str(out), "runs": 3, "failed": 1}
    a, b, c = (json.loads(line) for line in out.read_text().splitlines())
    assert [one["input"] for one in (a, b, c)] == ["a.png", "b.PNG", "c.jpg"]
    assert a["classes"]["output"][0]["label"] == "espresso"
    assert b["classes"]["output"][0]["label"] == "Egyptian cat"
    assert c["error"]["code"] == "WTW521" and "truncated" in c["error"]["message"]


def test_a_recording_is_resampled_as_in_a_page(
    louder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tone = sine(440, 0.5, 44100)
    (tmp_path / "tone.wav").write_bytes(wav(tone, 44100))
    (tmp_path / "by.json").write_text("[2]")
    words = ["--input", tmp_path / "tone.wav", "--input", f"by={tmp_path / 'by.json'}"]
    code, _ = answer(capsys, louder, *words, "--output", tmp_path / "out.npz")
    assert code == 0
    heard = (tone * 32767).astype("<i2") / np.float32(32768)  # what the file holds
    manifest = json.loads((louder / "model.json").read_text())
    port = manifest["programs"]["forward"]["inputs"][0]
    (expected,) = convert(tmp_path, "sounds", [Job(port, [samples(heard, 44100)])])
    found = np.load(tmp_path / "out.npz")["output"]
    assert found.shape == expected.shape == (1, 8000)
    assert np.abs(found - 2 * expected.numpy()).max() < 1e-6


def test_pictures_and_sounds_from_python(classifier: Path, louder: Path) -> None:
    with wasm_torch_web.load(classifier) as model:
        photo = images.read(PHOTOS / "chelsea.png")
        scores = model.run(x=photo)["output"]
        assert np.array_equal(scores, model.run(x=[photo])["output"])
        assert scores.argmax() == 285
    with wasm_torch_web.load(louder) as model:
        voice = speech().numpy()[:1000]
        found = model.run(x=wasm_torch_web.Sound(voice, 16000), by=np.array([2], "f4"))["output"]
        assert np.array_equal(found, 2 * voice[None])


def test_torch_is_not_needed(classifier: Path) -> None:
    program = (
        "import sys, wasm_torch_web\n"
        "from wasm_torch_web.engine import images\n"
        "photo = images.read(__import__('pathlib').Path(sys.argv[2]))\n"
        "print(wasm_torch_web.load(sys.argv[1]).run(x=photo)['output'].argmax())\n"
        "assert 'torch' not in sys.modules\n"
    )
    words = [sys.executable, "-c", program, classifier, PHOTOS / "chelsea.png"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "285"), done.stderr


def test_without_pillow_it_says_what_to_install(
    classifier: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    shutil.copy(PHOTOS / "chelsea.png", tmp_path / "a.png")
    one = (classifier, "--input", tmp_path / "a.png")
    many = (classifier, "--input", tmp_path, "--output", tmp_path / "out.jsonl")
    for words in (one, many):
        code, content = answer(capsys, *words)
        assert (code, content["error"]["code"]) == (4, "WTW620")
        assert "wasm-torch-web[images]" in content["error"]["hint"]
    assert not (tmp_path / "out.jsonl").exists()


def test_what_does_not_fit_is_told(
    classifier: Path, louder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = PHOTOS / "chelsea.png"
    (tmp_path / "text.png").write_text("no picture")
    for words, code, expected in (
        ((classifier, "--input", RECORDING), "WTW514", "--preprocess audio"),
        ((louder, "--input", photo), "WTW521", "--preprocess image"),
        ((louder, "--input", f"by={RECORDING}", "--input", RECORDING), "WTW514", "input by"),
        ((classifier, "--input", tmp_path / "text.png"), "WTW521", "no picture"),
        ((classifier, "--input", tmp_path / "none.png"), "WTW521", "No such file"),
        ((louder, "--input", tmp_path / "none.wav"), "WTW521", "No such file"),
        ((classifier, "--input", tmp_path / "a.mp3"), "WTW521", "not one of"),
    ):
        found, content = answer(capsys, *words)
        assert (found, content["error"]["code"]) == (1, code), words
        assert expected in content["error"]["message"], words
