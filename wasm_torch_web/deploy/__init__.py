"""Packages in, a folder out that puts them on a static host, in containers or on Kubernetes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from wasm_torch_web.bundle.staging import staged
from wasm_torch_web.deploy import image, record, site
from wasm_torch_web.deploy.deployment import Deployment, plan
from wasm_torch_web.deploy.templates import write
from wasm_torch_web.errors import UserError

__all__ = ["KINDS", "deploy"]


def _static(folder: Path, deployment: Deployment) -> None:
    """Files to upload."""
    site.write(folder / "site", deployment)
    write("static", folder, deployment)


def _docker(folder: Path, deployment: Deployment) -> None:
    """An image, and nginx, Prometheus and Grafana around it."""
    image.write(folder / "image", deployment)
    write("docker", folder, deployment)
    image.copy_dashboard(folder / "grafana/dashboards")


def _k8s(folder: Path, deployment: Deployment) -> None:
    """An image, and the manifests that run it."""
    image.write(folder / "image", deployment)
    write("k8s", folder, deployment)
    image.copy_dashboard(folder)


KINDS: dict[str, Callable[[Path, Deployment], None]] = {
    "static": _static,
    "docker": _docker,
    "k8s": _k8s,
}


def deploy(
    kind: str,
    packages: Sequence[Path],
    out: Path,
    *,
    tag: str | None = None,
    workers: int = 2,
    force: bool = False,
) -> dict[str, Any]:
    """Writes what `kind` (of `KINDS`) needs to `out`; gives `{kind, out, image, models, files}`.

    `tag` is what the image is called (`registry/name:tag`), `workers` how many processes a
    container has. Raises UserError for a damaged package, model-twice, runtime-missing, out-exists,
    out-edited (a file in `out` is no longer as it was written) unless `force`, out-unwritable.
    """
    deployment = plan(packages, tag, workers)
    _check_apart(out, packages)
    with staged(out, force, record.is_unchanged) as folder:
        KINDS[kind](folder, deployment)
        files = record.write(folder, kind, deployment)
    return {"kind": kind, "out": str(out), **deployment.to_json(), "files": files}


def _check_apart(out: Path, packages: Sequence[Path]) -> None:
    """A package would be replaced by its own deployment, or the deployment be a part of it."""
    target = out.expanduser().resolve()
    for package in (path.resolve() for path in packages):
        if package.is_relative_to(target) or target.is_relative_to(package):
            reason = f"it holds the package {package.name}, or lies in it"
            raise UserError("out-unwritable", path=out, reason=reason)
