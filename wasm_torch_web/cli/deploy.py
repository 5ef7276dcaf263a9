"""`wasm-torch-web deploy static|docker|k8s PKG...`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from wasm_torch_web.cli.options import everywhere
from wasm_torch_web.console import Console

NEXT = {
    "static": "upload {out}/site",
    "docker": "docker compose --project-directory {out} up --build",
    "k8s": "kubectl kustomize {out}/overlays/production",
}


@click.command("deploy", short_help="Write what puts packages on a host, in containers, on k8s.")
@click.argument("kind", type=click.Choice(tuple(NEXT)))
@click.argument(
    "packages", metavar="PKG...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--out", metavar="DIR", required=True, type=click.Path(path_type=Path))
@click.option(
    "--image",
    "tag",
    metavar="NAME:TAG",
    help="What the image is called.  [default: name and version of the first package]",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    metavar="N",
    default=2,
    show_default=True,
    help="Processes of a container that run models.",
)
@click.option("--force", is_flag=True, help="Replace --out whoever wrote it.")
@everywhere
@click.pass_obj
def command(
    console: Console,
    /,
    kind: str,
    packages: tuple[Path, ...],
    out: Path,
    **options: Any,
) -> dict[str, Any]:
    """Write a folder that puts packages where others reach them; its README says how to go on.

    \b
    wasm-torch-web deploy static pkg --out public
    wasm-torch-web deploy docker pkg other --out containers
    wasm-torch-web deploy k8s pkg --out k8s --image example.com/model:1.0.0

    \b
    static  the demo page and the package for any web host, with its headers
    docker  an image of the inference service, nginx, Prometheus and Grafana
    k8s     the image, and manifests for Kubernetes (kustomize)
    """
    from wasm_torch_web.deploy import deploy

    with console.working():
        console.step("deploy")
        told = deploy(kind, packages, out, **options)
    console.print(f"{escape(str(out))}: {told['files']} files; README.md says how to go on:")
    console.print(f"[dim]{escape(NEXT[kind].format(out=out))}[/]")
    return told
