"""What `deploy` writes in, read as the tools that it is for would read it out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from support.fake_model import fake_model
from support.fake_runtime import fake_runtime

from wasm_torch_web.bundle import pack
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.verify.tab import ChromiumTab

Deployed = Callable[[str], Path]  # a kind -> what was written
MOST = 60_000  # milliseconds that a page may take
TESTED = """async () => {
  const { load } = await import(new URL('package/index.js', document.baseURI).href);
  const model = await load();
  const { passed } = await model.selfTest();
  return [model.info.variant, passed];
}"""


def fake_package(folder: Path, name: str = "fake-model", **changes: Any) -> Path:
    """A package whose model nobody can run."""
    folder.mkdir(parents=True)
    manifest = fake_model(folder, name=name) | changes
    manifests.write(folder, manifest)
    pack(folder, fake_runtime(folder.with_name(f"{folder.name}-runtime")))
    return folder


class Strict(yaml.SafeLoader):
    """A key that comes twice is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """As usual, once no key comes twice."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.value != "<<"]
        assert len(keys) == len(set(keys)), keys
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> Any:
    """The one document of a file."""
    return yaml.load(path.read_text(encoding="utf-8"), Strict)


def resources(folder: Path) -> dict[str, dict[str, Any]]:
    """Manifests of Kubernetes by kind."""
    found = [read_yaml(path) for path in sorted(folder.rglob("*.yaml"))]
    return {one["kind"]: one for one in found if one.get("kind") not in (None, "Kustomization")}


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    """The instructions of a Dockerfile and what follows each; every line is one."""
    lines = dockerfile.read_text(encoding="utf-8").splitlines()
    kept = (line for line in lines if line and not line.startswith("#"))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in kept)]


def words(dockerfile: Path, name: str) -> list[str]:
    """The exec form of ENTRYPOINT, CMD or HEALTHCHECK."""
    [text] = [rest for word, rest in instructions(dockerfile) if word == name]
    found: list[str] = json.loads(text[text.index("[") :])
    return found


def added_headers(nginx: Path) -> dict[str, str]:
    """What nginx adds to every answer, by lower-case name."""
    found = re.findall(r'add_header (\S+) "([^"]*)" always;', nginx.read_text(encoding="utf-8"))
    return {name.lower(): value for name, value in found}


def check_page(opened: ChromiumTab, warnings: Sequence[str] = ()) -> None:
    """The demo page has run, threads and all; the model is what it was when it was built."""
    opened.page.wait_for_selector("#self-test .badge", timeout=MOST)
    variant, passed = opened.page.evaluate(TESTED)
    assert (variant.rpartition("-")[2], passed) == ("threads", True)
    assert opened.errors == [*warnings], opened.errors
