"""From a photo's file to its label, in Node and in browsers: what the Python pipeline says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from preprocess.conftest import PHOTOS, PRESET, WEIGHTS
from starlette.routing import Mount
from support.engines import Engine
from torch import Tensor
from torchvision.models import mobilenet_v2

import wasm_torch_web
from wasm_torch_web.engine import images
from wasm_torch_web.preprocess import offered
from wasm_torch_web.preprocess.image import entry
from wasm_torch_web.serving import Files, application, running
from wasm_torch_web.serving.guard import STRICT_CSP
from wasm_torch_web.verify.tab import Tab, wait_for

HERE = Path(__file__).parent


def expected(name: str) -> Tensor:
    """What PyTorch says of the file."""
    module = mobilenet_v2(weights=None).eval()
    module.load_state_dict(torch.load(WEIGHTS, weights_only=True))
    image = Image.open(PHOTOS / name).convert("RGB")
    with torch.no_grad():
        return module(PRESET.transforms()(image)[None])[0]


def check(best: list[dict[str, Any]], logits: Tensor) -> None:
    scores, indices = logits.softmax(0).topk(len(best))
    assert [one["index"] for one in best] == indices.tolist()
    assert [one["label"] for one in best] == [PRESET.meta["categories"][i] for i in indices]
    assert [one["score"] for one in best] == pytest.approx(scores.tolist(), abs=1e-4)


def test_in_node(classifier: Path, tmp_path: Path) -> None:
    image = Image.open(PHOTOS / "chelsea.png").convert("RGB")
    (tmp_path / "photo.rgb").write_bytes(image.tobytes())
    words = [classifier, tmp_path / "photo.rgb", *map(str, image.size)]
    command = ["node", "--no-warnings", str(HERE / "classify.mjs"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    facts = json.loads(done.stdout)
    logits = expected("chelsea.png")
    assert (torch.tensor(facts["logits"]) - logits).abs().max() < 1e-3
    assert (facts["kind"], facts["labels"]) == ("image", 1000)
    check(facts["best"], logits)
    assert facts["best"][0]["label"] == "Egyptian cat"
    errors = facts["errors"]
    assert "WTW514" in errors["blob"] and "ImageData" in errors["blob"]
    assert "WTW514" in errors["sizes"] and "452 x 300 pixels" in errors["sizes"]
    assert "WTW502" in errors["unknown"] and "WTW501" in errors["missing"]
    assert "WTW510" in errors["top"]


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cat in files of every kind."""
    folder = tmp_path_factory.mktemp("kinds")
    cat = Image.open(PHOTOS / "chelsea.png").convert("RGB")
    tables = cat.quantize(64)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right
    deep = np.asarray(cat.convert("L")).astype(np.uint16) * 257
    for name, image, options in (
        ("grey.png", cat.convert("L"), {}),
        ("black.png", cat.convert("1"), {}),
        ("table.png", tables, {}),
        ("deep.png", Image.fromarray(deep), {}),
        ("table.gif", tables, {}),
        ("plain.bmp", cat, {}),
        ("same.webp", cat, {"lossless": True}),
        ("lossy.webp", cat, {"quality": 80}),
        ("fine.jpg", cat, {"quality": 90, "subsampling": 0}),
        ("small.jpg", cat, {"quality": 75, "subsampling": 2}),
        ("slow.jpg", cat, {"quality": 85, "progressive": True}),
        ("grey.jpg", cat.convert("L"), {"quality": 90}),
        ("turned.jpg", cat, {"quality": 90, "exif": exif}),
    ):
        image.save(folder / name, **options)
    return folder


@pytest.fixture(scope="module")
def page(engine: Engine, classifier: Path, kinds: Path) -> Iterator[Tab]:
    folders = {"/pkg": classifier, "/files": PHOTOS, "/kinds": kinds, "/": HERE / "page"}
    routes = [Mount(path, Files(directory=folder, html=True)) for path, folder in folders.items()]
    csp = f"{STRICT_CSP}; img-src 'self' data:"
    with running(application(routes, csp)) as url, engine.tab() as opened:
        opened.goto(url)
        wait_for(opened, "window.pictures")
        yield opened


STILL = ("blob", "bitmap", "element", "loadingElement", "canvas", "offscreen", "imageData")
# The browser has its own way with colours of video.
TOLERANCE = {"video": 0.5, "frame": 0.5}


@pytest.mark.parametrize("form", STILL)
def test_every_form_gives_what_pil_and_torchvision_give(page: Tab, form: str) -> None:
    """To the bit."""
    image = Image.open(PHOTOS / "chelsea.png").convert("RGB")
    plain = {"name": "x", "kind": "tensor", "dtype": "float32", "shape": [1, 3, 224, 224]}
    pipeline = PRESET.transforms()
    port = {**plain, "preprocess": entry(plain, offered.settings(pipeline)[1])}
    data = page.evaluate("given => pictures.tensor(...given)", [form, "chelsea.png", port])
    assert torch.equal(torch.tensor(data).reshape(1, 3, 224, 224), pipeline(image)[None])


@pytest.mark.parametrize("form", [*STILL, *TOLERANCE])
def test_every_form_of_a_picture(page: Tab, form: str) -> None:
    found = page.evaluate("form => pictures.logits(form, 'chelsea.png')", form)
    assert found["size"] == [1, 1000]
    logits = expected("chelsea.png")
    error = (torch.tensor(found["data"]) - logits).abs().max()
    assert error < TOLERANCE.get(form, 1e-3)
    assert int(torch.tensor(found["data"]).argmax()) == int(logits.argmax())


@pytest.mark.parametrize("name", ["chelsea.png", "astronaut.png", "coffee.png", "rocket.jpg"])
def test_from_file_to_labels(engine: Engine, page: Tab, name: str) -> None:
    best = page.evaluate("name => pictures.classify(name, { top: 3 })", name)
    if engine.name == "webkit" and name == "rocket.jpg":  # obeys the file's colour profile
        assert best[0]["index"] == int(expected(name).argmax())
    else:
        check(best, expected(name))


def test_files_of_every_kind_are_the_same_in_python(
    page: Tab, classifier: Path, kinds: Path
) -> None:
    """Not always to the bit: decoders of JPEG and WebP differ in how they round."""
    with wasm_torch_web.load(classifier) as model:
        errors = {}
        for file in sorted(kinds.iterdir()):
            found = page.evaluate("name => pictures.logits('blob', name)", f"../kinds/{file.name}")
            expected = model.run(x=images.read(file))["output"][0]
            errors[file.name] = float(np.abs(np.array(found["data"]) - expected).max())
    lossy = (".jpg", ".webp")
    wrong = {k: v for k, v in errors.items() if v > (0.1 if k.endswith(lossy) else 1e-3)}
    assert wrong == {}


def test_what_is_no_picture_is_told(page: Tab) -> None:
    for value in ("text", "object", "short"):
        message = page.evaluate("value => pictures.refused(value)", value)
        assert "WTW514" in message and "input x: " in message, message
    assert "5 elements are no RGB or RGBA of 2 x 1 pixels" in message


def test_what_happens_to_a_picture_after_the_call_does_not_matter(page: Tab) -> None:
    for data in page.evaluate("() => pictures.afterwards('chelsea.png')"):
        assert (torch.tensor(data) - expected("chelsea.png")).abs().max() < 1e-3


def test_the_readme_says_how(classifier: Path) -> None:
    text = (classifier / "README.md").read_text()
    assert "### Pictures" in text and "model.classify({ x: picture }" in text
    assert "the shorter edge to 256, cropped to the middle 224 x 224" in text


def test_a_package_without_them_has_none_of_it(tmp_path: Path) -> None:
    out = tmp_path / "plain"
    wasm_torch_web.build(torch.nn.Linear(3, 2), (torch.zeros(1, 3),), out=out, verify=False)
    names = {path.name for path in out.iterdir()}
    assert not names & {"images.js", "sounds.js", "classes.js", "images.d.ts"}
    assert "images" not in (out / "index.js").read_text()
    assert "ImageInput" not in (out / "index.d.ts").read_text()
