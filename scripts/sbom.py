"""What this project is made of, out: two lists in CycloneDX's form and their licences.

dist/sbom-python.json has the environment that `make setup` installs, dist/sbom-npm.json what
package-lock.json pins. A package that `build` writes carries none of it: its provenance is in its
manifest. Components whose metadata name no licence are listed as such.
"""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from audit import tool
from common import ROOT, VENV, Command

OUT = ROOT / "dist"


def main() -> None:
    OUT.mkdir(exist_ok=True)
    lists = {"sbom-python.json": python(), "sbom-npm.json": npm()}
    names: dict[str, list[str]] = defaultdict(list)
    for file, text in lists.items():
        (OUT / file).write_text(text)
        for component in json.loads(text)["components"]:
            for licence in licences(component) or ["not told"]:
                names[licence].append(component["name"])
    for licence, components in sorted(names.items()):
        print(f"{licence}: {len(components)} ({', '.join(sorted(components)[:6])})")


def python() -> str:
    words: Command = [tool("cyclonedx-py"), "environment", VENV / "bin/python"]
    words = [*words, "--output-reproducible", "--of", "JSON"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def npm() -> str:
    words = ["npm", "sbom", "--package-lock-only", "--sbom-format", "cyclonedx"]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def licences(component: dict[str, Any]) -> list[str]:
    """As the component says them: identifiers where it has some, else names."""
    return list(_licences(component))


def _licences(component: dict[str, Any]) -> Iterator[str]:
    for entry in component.get("licenses", []):
        licence = entry.get("license", {})
        yield str(entry.get("expression") or licence.get("id") or licence.get("name"))[:60]


if __name__ == "__main__":
    main()
