"""Packages and what the operator decides in, all that templates ask for out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from wasm_torch_web.bundle.names import bare, check_name, check_version, suggest_name
from wasm_torch_web.errors import UserError
from wasm_torch_web.format import manifest as manifests
from wasm_torch_web.format.manifest import Manifest
from wasm_torch_web.serving.api.models import Catalogue
from wasm_torch_web.serving.api.settings import MIB, Settings

PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
# What `docker build --tag` takes, with a tag.
TAG = re.compile(
    rf"((?:[a-zA-Z0-9.-]+(?::\d+)?/)?{PART}(?:/{PART})*):([a-zA-Z0-9_][\w.-]{{0,127}})"
)
LEAST_WORKER = 512 * MIB
STEP = 256 * MIB
PROCESS = 128 * MIB  # Python, numpy and wasmtime
ROOM = 256 * MIB


@dataclass(frozen=True)
class Placed:
    """A package and where its page lies in the site: `""`, or `models/0/` of several."""

    package: Path
    manifest: Manifest
    page: str

    @property
    def folder(self) -> str:
        """Where the package's own files lie in the site."""
        return f"{self.page}package"


@dataclass(frozen=True)
class Deployment:
    """The models; `name` is a DNS label, `image` and `tag` a reference, `workers` processes."""

    models: tuple[Placed, ...]
    name: str
    image: str
    tag: str
    workers: int

    @cached_property
    def worker_bytes(self) -> int:
        """What the models of one worker may take: all of them loaded, and as much to run in."""
        weights = (one.manifest["weights"] for one in self.models)
        loaded: int = sum(one["bytes"] + one["prepared"]["bytes"] for one in weights)
        return max(LEAST_WORKER, -(-2 * loaded // STEP) * STEP)

    @property
    def memory_bytes(self) -> int:
        """What a container takes at most."""
        return self.workers * (self.worker_bytes + PROCESS) + ROOM + PROCESS

    @cached_property
    def options(self) -> dict[str, str]:
        """Options of `serve` that an operator may want to change."""
        usual = Settings()
        return {
            "workers": str(self.workers),
            "memory-limit": f"{self.worker_bytes // MIB}MiB",
            "room": f"{ROOM // MIB}MiB",
            "max-body": f"{usual.max_body // MIB}MiB",
            "max-batch": str(usual.max_batch),
            "queue": str(usual.queue),
            "wait": f"{usual.wait:g}",
            "timeout": f"{usual.timeout:g}",
            "drain": f"{usual.drain:g}",
        }

    def to_json(self) -> dict[str, Any]:
        """What is told of it."""
        models = [{key: one.manifest[key] for key in ("name", "version")} for one in self.models]
        return {"image": f"{self.image}:{self.tag}", "models": models}


def plan(packages: Sequence[Path], reference: str | None, workers: int) -> Deployment:
    """The deployment. Raises UserError for a package that is damaged or has a name that npm would
    refuse, model-twice, image-invalid."""
    Catalogue(packages)  # refuses two of a name
    read = [_read(package) for package in packages]
    pages = [""] if len(packages) == 1 else [f"models/{i}/" for i in range(len(packages))]
    models = tuple(map(Placed, packages, read, pages))
    name = dns_label(bare(read[0]["name"]))
    given = reference or f"{name}:{read[0]['version'].replace('+', '-')}"
    found = TAG.fullmatch(given)
    if found is None or len(given) > 255:
        raise UserError("image-invalid", image=given)
    return Deployment(models, name, found[1], found[2], workers)


def dns_label(text: str) -> str:
    """What names of Kubernetes and of images may be made of: a letter first, at most 40."""
    name = suggest_name(text)
    name = name if name[0].isalpha() else f"model-{name}"
    return name[:40].strip("-")


def _read(package: Path) -> Manifest:
    """Names stand in files of other languages: nothing but what npm takes gets there."""
    manifest = manifests.read(package)
    check_name(manifest["name"])
    check_version(manifest["version"])
    return manifest
