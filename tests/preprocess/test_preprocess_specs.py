"""What users may say of preprocessing and labels, and what they are told where it cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.fake_model import fake_manifest

from wasm_torch_web.errors import UserError
from wasm_torch_web.extras import Extras
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.labels import give_classes, read_labels
from wasm_torch_web.preprocess import give_preprocessing, parse_specs

PICTURE = {"name": "x", "kind": "tensor", "dtype": "float32", "shape": ["batch", 3, 224, 224]}
SOUND = {"name": "wave", "kind": "tensor", "dtype": "float32", "shape": [1, 16000]}
IDS = {"name": "ids", "kind": "tensor", "dtype": "int64", "shape": ["batch", 7]}
SCORES = {"name": "logits", "kind": "tensor", "dtype": "float32", "shape": ["batch", 3]}
OTHERS = {"name": "features", "kind": "tensor", "dtype": "float32", "shape": ["batch", 5]}


def given(text: str, *ports: dict[str, Any], offer: Any = None) -> dict[str, Any]:
    """The entry that these words give the first input, in a manifest that is valid."""
    manifest = fake_manifest(inputs=[dict(port) for port in ports or (PICTURE,)])
    give_preprocessing(manifest, parse_specs([text]), offer)
    assert manifests.fault(manifest) is None
    return dict(manifest["programs"]["forward"]["inputs"][0]["preprocess"])


def test_what_is_left_open_follows_from_the_input() -> None:
    assert given("image") == {
        "kind": "image",
        "channels": "RGB",
        "layout": "NCHW",
        "resize": [224, 224],
        "interpolation": "bilinear",
        "center": "round",
        "rescale": 1 / 255,
        "mean": [0],
        "std": [1],
    }
    grey = given("image", {**PICTURE, "shape": ["n", "h", "w", 1], "dtype": "uint8"})
    assert (grey["channels"], grey["layout"], grey["rescale"]) == ("L", "NHWC", 1)
    assert "resize" not in grey
    assert given("audio:rate=8000", SOUND) == {"kind": "audio", "rate": 8000, "length": 16000}


def test_every_setting_is_read() -> None:
    found = given(
        "x=image:resize=256, crop=224x224,interpolation=bicubic,mean=0.485/0.456/0.406,std=0.5,"
        "rescale=1/127.5,channels=BGR,layout=NCHW,center=floor"
    )
    assert found == {
        "kind": "image",
        "channels": "BGR",
        "layout": "NCHW",
        "resize": [256],
        "interpolation": "bicubic",
        "crop": [224, 224],
        "center": "floor",
        "rescale": 1 / 127.5,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.5],
    }
    words = "wave=audio:rate=16000,length=2000,window=400,hop=160,normalize=true"
    assert given(words, {**SOUND, "shape": ["frames", 400]}) == {
        "kind": "audio",
        "rate": 16000,
        "length": 2000,
        "window": 400,
        "hop": 160,
        "normalize": True,
    }


def test_words_change_single_settings_of_the_model_s_own() -> None:
    offer = {"input_size": (3, 224, 224), "crop_pct": 0.9, "mean": (0.5,), "std": (0.5,)}
    found = given("image:interpolation=bicubic", offer=offer)
    assert (found["resize"], found["interpolation"], found["std"]) == ([248], "bicubic", [0.5])
    with pytest.raises(UserError, match="crop_mode border"):
        given("image", offer={**offer, "crop_mode": "border"})
    # The user's words do where the offer says nothing.
    assert given("image:crop=224", offer=object())["crop"] == [224]


MISTAKES = {
    "pictures": "neither image nor audio",
    "y=image": "there is no input y; the tensors are: x",
    "image:size=224": "there is no setting size; they are resize, crop",
    "image:crop": "crop needs a value",
    "image:crop=0": "neither a size such as 224",
    "image:crop=1x2x3": "neither a size such as 224",
    "image:mean=0.4/0.5": "neither one number nor three",
    "image:std=0": "std is 0",
    "image:rescale=1/0": "rescale=1/0 is no number",
    "image:interpolation=cubic": "none of nearest, bilinear",
    "image:crop=200": "pictures become 200x200, but x takes 224x224",
    "image:resize=256": "keep their proportions, but x has a fixed size: 224x224; add crop=224x224",
    "image:channels=L": "as NCHW is not L",
    "image:layout=NHWC": "as NHWC is not",
    "audio:rate=16000": "one sound at a time|rows",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_mistakes_are_explained(words: str) -> None:
    with pytest.raises(UserError, match=MISTAKES[words]) as caught:
        given(words)
    assert caught.value.slug == "preprocess-spec"
    assert f"--preprocess {words}: " in str(caught.value)


OTHER_MISTAKES: list[tuple[str, list[dict[str, Any]], str]] = [
    ("image", [PICTURE, SOUND], "several inputs, of which one must be named: x, wave"),
    ("ids=image", [IDS], "ids is int64"),
    ("image", [{**PICTURE, "shape": [1, 5, 8, 8]}], "not of 1 or 3 channels"),
    ("image:mean=0.5", [{**PICTURE, "dtype": "uint8"}], "bytes stay as they are"),
    ("audio", [SOUND], "how many samples a second"),
    ("audio:rate=x", [SOUND], "rate=x is no whole number"),
    ("audio:rate=8000,normalize=1", [SOUND], "neither true nor false"),
    ("audio:rate=8000,hop=5", [SOUND], "hop without window"),
    ("audio:rate=8000,length=5", [SOUND], "rows become 5, but wave has rows of 16000"),
    ("audio:rate=8000,window=9,length=5", [{**SOUND, "shape": ["n", 9]}], "less than a window"),
    ("audio:rate=8000,window=9", [{**SOUND, "shape": [4, 9]}], "length=36 gives as many"),
    ("audio:rate=8000", [{**SOUND, "shape": [2, 9]}], "one sound at a time"),
    ("audio:rate=8000,window=9", [{**SOUND, "shape": [9]}], "no axis for windows"),
]


@pytest.mark.parametrize(("words", "ports", "said"), OTHER_MISTAKES)
def test_ports_that_do_not_fit(words: str, ports: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(UserError, match=said):
        given(words, *ports)


def test_an_input_is_preprocessed_once() -> None:
    manifest = fake_manifest(inputs=[dict(PICTURE)])
    with pytest.raises(UserError, match="preprocessed already"):
        give_preprocessing(manifest, parse_specs(["image", "x=image"]), None)


class Jitter:
    """A transform that nobody knows."""


def test_transforms_without_counterpart_are_refused() -> None:
    from torchvision import transforms

    tensor, crop, resize = transforms.ToTensor(), transforms.CenterCrop(8), transforms.Resize(8)
    wrong: dict[str, list[Any]] = {
        "the transform Jitter has no counterpart": [Jitter()],
        "the transform RandomCrop": [transforms.RandomCrop(8)],
        "in the order CenterCrop, Resize": [crop, resize],
        "in the order ToTensor, Resize": [tensor, resize],
        "max_size": [transforms.Resize(8, max_size=9)],
        "nearest-exact": [transforms.Resize(8, transforms.InterpolationMode.NEAREST_EXACT)],
    }
    for said, steps in wrong.items():
        with pytest.raises(UserError, match=said):
            parse_specs({"x": transforms.Compose(steps)})
    for offer in (Jitter(), {"unknown": 1}, {"do_resize": True, "do_pad": True}):
        with pytest.raises(UserError) as caught:
            parse_specs({"x": offer})
        assert caught.value.slug == "preprocess-spec"


LABELS = {
    "labels.txt": "cat\ndog\n bird \n\n",
    "list.json": '["cat", "dog", "bird"]',
    "dict.json": '{"1": "dog", "0": "cat", "2": "bird"}',
    "keras.json": '{"0": ["n1", "cat"], "1": ["n2", "dog"], "2": ["n3", "bird"]}',
    "config.json": '{"model_type": "vit", "id2label": {"0": "cat", "1": "dog", "2": "bird"}}',
}


@pytest.mark.parametrize("name", LABELS)
def test_forms_of_labels(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(LABELS[name])
    assert read_labels(tmp_path / name) == ["cat", "dog", "bird"]


BAD_LABELS = {
    "": "it is empty",
    "[": "not JSON",
    "[]": "it is empty",
    "[1, 2]": "not all texts",
    '{"a": "b"}': "not the numbers from 0 to 0",
}


@pytest.mark.parametrize("text", BAD_LABELS)
def test_labels_that_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels"
    path.write_text(text)
    with pytest.raises(UserError, match=BAD_LABELS[text]) as caught:
        Extras(labels=str(path)).check()
    assert caught.value.slug == "labels-invalid"
    path.write_text("cat")
    with pytest.raises(UserError, match="scores logits: they are softmax, sigmoid, given"):
        Extras(labels=str(path), scores="logits").check()


def test_a_missing_or_binary_file_of_labels(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_labels(tmp_path / "nowhere.txt")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x80")
    with pytest.raises(UserError, match="not UTF-8"):
        read_labels(tmp_path / "binary")


def test_labels_find_their_output(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("cat\ndog\nbird\n")
    outputs = [dict(OTHERS), dict(SCORES), {"name": "count", "kind": "int"}]
    for spec in (str(path), f"logits={path}"):
        manifest = fake_manifest(outputs=[dict(one) for one in outputs])
        give_classes(manifest, spec, "sigmoid")
        found = manifest["programs"]["forward"]["outputs"][1]
        assert found["classes"] == {"labels": ["cat", "dog", "bird"], "scores": "sigmoid"}
        assert manifests.fault(manifest) is None


def test_labels_that_fit_no_output(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(["a"] * 4))
    manifest = fake_manifest(outputs=[dict(SCORES), dict(OTHERS)])
    for spec, said in {
        str(path): r"4 labels, but the outputs with scores are: logits \['batch', 3\], features",
        f"logits={path}": "4 labels, but",
        f"scores={path}": "there is no output scores",
    }.items():
        with pytest.raises(UserError, match=said):
            give_classes(manifest, spec)
    path.write_text(json.dumps(["a"] * 3))
    twice = fake_manifest(outputs=[dict(SCORES), {**SCORES, "name": "again"}])
    with pytest.raises(UserError, match="several outputs have 3 scores, name one"):
        give_classes(twice, str(path))


def test_what_a_build_was_told_can_be_told_again(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("cat\n")
    extras = Extras(preprocess=["x=image:crop=8"], labels=f"logits={path}", scores="given")
    words = ["--preprocess", "x=image:crop=8", "--labels", "logits=labels.txt", "--scores", "given"]
    assert list(extras.words()) == words
    assert list(extras.files()) == [path]
