"""`optimize`: calibration data, scores, limits, the picture, packages; and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

import wasm_torch_web
from wasm_torch_web.cli import invoke
from wasm_torch_web.format import manifest as manifests

CODE = '''
import numpy as np
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 3, 2), nn.ReLU(), nn.Flatten(),
                         nn.Linear(16 * 49, 64), nn.ReLU(), nn.Linear(64, 65))

example_inputs = (torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)),)

def photos():
    for seed in range(3):
        yield np.random.default_rng(seed).standard_normal((1, 3, 16, 16)).astype("float32")

def named():
    return [{"input": photo} for photo in photos()]

def pairs():
    return [(1, 2)]

def none():
    return []

def nan():
    return [np.zeros((1, 3, 16, 16))]

def endless():
    yield from photos()
    raise OSError("the disk is gone")

def number():
    return 3

expected = None

def agreement(model):
    """Of largest classes, with those of the model that comes first."""
    global expected
    tops = [int(model(input=photo)["output"].argmax()) for photo in photos()]
    expected = expected or tops
    return float(np.mean([a == b for a, b in zip(tops, expected)]))

def sharp(model):
    return 1 - float(np.abs(model({"input": next(photos())})["output"] - truth()).max())

def truth():
    with torch.no_grad():
        return make()(torch.from_numpy(next(photos()))).numpy()

def words(model):
    return "good"

def nothing(model):
    return float("nan")

def fails(model):
    raise KeyError("label")
'''


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("code") / "small_model.py"
    path.write_text(CODE)
    return path


@pytest.fixture(scope="module")
def state(code: Path) -> Path:
    path = code.with_name("small.pth")
    scope: dict[str, Any] = {}
    exec(CODE, scope)
    torch.save(scope["make"]().state_dict(), path)
    return path


class Run:
    """`optimize` in this process, without Chromium unless asked."""

    def __init__(self, capsys: pytest.CaptureFixture[str], state: Path, code: Path, out: Path):
        self.capsys, self.given, self.out = capsys, (str(state), "--model", f"{code}:make"), out

    def __call__(self, *words: object, given: Any = None, verify: bool = False) -> Any:
        told = self.given if given is None else given
        silent = [] if verify else ["--no-verify"]
        line = ["optimize", *told, "--out", self.out, "--force", *silent, "--json", *words]
        self.code = invoke([*map(str, line)])
        document = json.loads(self.capsys.readouterr().out)
        return document.get("result") or document["error"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], state: Path, code: Path, tmp_path: Path) -> Run:
    return Run(capsys, state, code, tmp_path / "out")


def test_auto_keeps_the_error_and_draws_the_report(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "report.svg"
    found = run("--report", picture, "--compare", "fp16")
    assert run.code == 0 and found["picture"] == str(picture)
    plain, halves, small = found["variants"]
    assert halves["kind"] == "fp16" and 0 < halves["relError"] < small["relError"]
    assert small["kind"] == "auto" and 0 < small["relError"] <= 0.01
    assert small["bytes"]["raw"]["weights"] < 0.6 * plain["bytes"]["raw"]["weights"]
    assert {one["way"] for one in found["layers"]} >= {"fp16", "dynamic"}
    assert all(one["relError"] > 0 and one["saved"] > 0 for one in found["layers"])
    quantized = manifests.read(run.out)["quantized"]
    ways = {name: way for way, names in quantized["ways"].items() for name in names}
    assert ways == {w["name"]: w["way"] for w in found["weights"] if not w["kept"]}
    texts = {one.text for one in ElementTree.parse(picture).iter() if one.text}
    assert any("error by one weight alone" in text for text in texts)
    assert texts >= {"float32", "fp16", "auto"}


@pytest.mark.usefixtures("one_page")
def test_the_mix_is_what_chromium_and_validate_find(run: Run) -> None:
    found = run("--max-error", "0.002", verify=True)
    assert run.code == 0 and found["verification"] == "passed"
    assert all(one["medianMs"] > 0 and one["loadMs"] > 0 for one in found["variants"])
    words = ["validate", str(run.out), "--source", *run.given, "--json"]
    assert invoke(words) == 0
    assert json.loads(run.capsys.readouterr().out)["result"]["passed"]


def test_a_target_is_kept_or_what_could_be_is_said(run: Run) -> None:
    found = run("--target-size", "120kB")
    assert found["variants"][1]["bytes"]["raw"]["weights"] <= 120_000
    assert "--target-size" in manifests.read(run.out)["provenance"]["options"]
    refused = run("--target-size", "20kB")
    assert run.code == 1 and refused["code"] == "WTW235"
    assert "kB at least" in refused["message"]


def test_calibration_data_is_what_errors_are_measured_on(
    run: Run, code: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "inputs"
    folder.mkdir()
    photos = [
        np.random.default_rng(n).standard_normal((1, 3, 16, 16)).astype("f4") for n in range(3)
    ]
    for number, photo in enumerate(photos):
        np.save(folder / f"{number}.npy", photo)
    np.savez(tmp_path / "one.npz", input=photos[0])
    lines = [json.dumps({"input": photo.tolist()}) for photo in photos]
    (tmp_path / "many.jsonl").write_text("\n".join(lines))
    (tmp_path / "one.json").write_text(lines[0])
    every = (folder, f"{code}:photos", f"{code}:named", tmp_path / "many.jsonl")
    errors = set()
    for given in every:
        found = run("--quantize", "fp16", "--calibration", given)
        assert found["calibrationRuns"] == 3
        errors.add(found["variants"][1]["relError"])
    assert len(errors) == 1  # the same inputs
    assert run("--quantize", "fp16")["variants"][1]["relError"] not in errors
    both = run("--calibration", tmp_path / "one.npz", "--calibration", tmp_path / "one.json")
    assert both["calibrationRuns"] == 2


def test_pictures_are_prepared(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for shade in (10, 200):
        Image.new("RGB", (40, 30), (shade, 90, 255 - shade)).save(folder / f"{shade}.png")
    found = run("--preprocess", "image:crop=16", "--calibration", folder, "--quantize", "fp16")
    assert found["calibrationRuns"] == 2


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ("nowhere", "WTW521", "nowhere"),
        ("CODE:pairs", "WTW237", "it gave 2 inputs, and the model has 1"),
        ("CODE:endless", "WTW237", "the disk is gone"),
        ("CODE:number", "WTW237", "cannot be iterated over"),
        ("CODE:absent", "WTW237", "has no absent"),
        ("no.such.module:photos", "WTW237", "No module"),
        ("CODE:none", "WTW238", "no inputs"),
        ("CODE:nan", "WTW503", "float64"),
    ],
)
def test_calibration_that_is_of_no_use(
    run: Run, code: Path, given: str, error: str, said: str
) -> None:
    refused = run("--calibration", given.replace("CODE", str(code)))
    assert run.code == 1 and refused["code"] == error
    assert said in refused["message"]
    assert not run.out.exists()


def test_scores_stand_in_the_report_and_limit_the_search(run: Run, code: Path) -> None:
    found = run("--eval", f"{code}:agreement", "--min-accuracy", "1")
    assert run.code == 0 and found["metric"] == f"{code}:agreement"
    assert [one["score"] for one in found["variants"]] == [1.0, 1.0]
    sizes = []
    for least in (0.9, 0.999, 0.999999):
        found = run("--eval", f"{code}:sharp", "--min-accuracy", least)
        assert found["variants"][1]["score"] >= least
        sizes.append(found["variants"][1]["bytes"]["raw"]["weights"])
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]


def test_too_little_accuracy_is_an_error(run: Run, code: Path) -> None:
    refused = run("--quantize", "dynamic", "--eval", f"{code}:sharp", "--min-accuracy", "0.99999")
    assert run.code == 3 and refused["code"] == "WTW236"
    assert "sharp gives 0.9" in refused["message"]
    assert not run.out.exists()


@pytest.mark.parametrize(
    ("function", "said"),
    [("words", "a str, not a number"), ("nothing", "returned nan"), ("fails", "KeyError")],
)
def test_scores_that_are_none(run: Run, code: Path, function: str, said: str) -> None:
    refused = run("--eval", f"{code}:{function}")
    assert run.code == 1 and refused["code"] == "WTW237"
    assert said in refused["message"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--min-accuracy", "0.5"), "needs --eval"),
        (("--report", "page.html"), "not .svg"),
        (("--target-size", "much"), "no size"),
    ],
)
def test_options_that_make_no_sense(run: Run, words: tuple[str, ...], said: str) -> None:
    refused = run(*words)
    assert run.code == 2 and said in refused["message"]


@pytest.fixture(scope="module")
def package(state: Path, code: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("package") / "pkg"
    words = ["build", state, "--model", f"{code}:make", "--out", out, "--name", "small-one"]
    labels = out.with_name("labels.txt")
    labels.write_text("\n".join(f"class {number}" for number in range(65)))
    more = ["--preprocess", "image:crop=16", "--dynamic", "input.0=batch:1..4", "--no-verify"]
    more += ["--labels", str(labels)]
    assert invoke([*map(str, (*words, *more))]) == 0
    return out


@pytest.mark.usefixtures("one_page")
def test_a_package_alone_becomes_fp16(
    run: Run, package: Path, state: Path, code: Path, tmp_path: Path
) -> None:
    found = run("--quantize", "fp16", "--eval", f"{code}:sharp", given=[package], verify=True)
    assert run.code == 0 and found["verification"] == "wasmtime"
    plain, small = found["variants"]
    assert small["bytes"]["raw"]["weights"] < 0.6 * plain["bytes"]["raw"]["weights"]
    assert 1e-5 < small["relError"] < 1e-3 and 0.99 < small["score"] < plain["score"]
    before, after = manifests.read(package), manifests.read(run.out)
    assert after["verified"] is None and after["name"] == "small-one"
    assert after["programs"] == before["programs"] and after["graph"] == before["graph"]
    x = np.random.default_rng(0).standard_normal((2, 3, 16, 16)).astype("float32")
    with wasm_torch_web.load(package) as one, wasm_torch_web.load(run.out) as other:
        given, expected = other.run(input=x)["output"], one.run(input=x)["output"]
    error = np.linalg.norm(given - expected) / np.linalg.norm(expected)
    assert 1e-5 < error < 1e-3
    # The weights are those that a build from the source would have.
    words = ["validate", run.out, "--source", state, "--model", f"{code}:make", "--json"]
    assert invoke([*map(str, words)]) == 0
    run.capsys.readouterr()
    again = run("--quantize", "fp16", given=[run.out])  # nothing is left to do
    assert again["variants"][0]["kind"] == "before" and again["variants"][1]["relError"] == 0


def test_a_package_is_rebuilt_from_its_source(run: Run, package: Path) -> None:
    source, *model = run.given
    found = run("--source", source, *model, "--quantize", "dynamic", given=[package])
    assert run.code == 0
    before, after = manifests.read(package), manifests.read(run.out)
    assert after["name"] == "small-one" and after["symbols"] == before["symbols"]
    assert "classes" in before["programs"]["forward"]["outputs"][0]
    assert after["programs"] == before["programs"]
    assert set(after["quantized"]["ways"]) == {"dynamic"}
    assert found["variants"][0]["relError"] == 0


@pytest.mark.parametrize(
    "words", [(), ("--quantize", "dynamic"), ("--quantize", "fp16", "--target-size", "9kB")]
)
def test_a_package_alone_is_not_enough_for_more(
    run: Run, package: Path, words: tuple[str, ...]
) -> None:
    refused = run(*words, given=[package])
    assert run.code == 1 and refused["code"] == "WTW234"


def test_limits_hold_for_packages_too(run: Run, package: Path, code: Path) -> None:
    words = ("--quantize", "fp16", "--max-error", "1e-9")
    assert run(*words, given=[package])["code"] == "WTW233" and run.code == 3
    words = ("--quantize", "fp16", "--skip", "*.nothing")
    assert run(*words, given=[package])["code"] == "WTW232"
    words = ("--quantize", "fp16", "--eval", f"{code}:sharp", "--min-accuracy", "1.5")
    assert run(*words, given=[package])["code"] == "WTW236"
    assert not run.out.exists()
