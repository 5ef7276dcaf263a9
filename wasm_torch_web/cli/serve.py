"""`wasm-torch-web serve PKG...`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wasm_torch_web.cli.options import everywhere
from wasm_torch_web.cli.service_options import service_options
from wasm_torch_web.console import Console

if TYPE_CHECKING:
    from wasm_torch_web.serving.api import Service

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
SCALES = ("0..1", "-1..1", "imagenet")


@click.command("serve", short_help="Serve the demo page of a package, or an inference API.")
@click.argument(
    "packages", metavar="PKG...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    default=8000,
    show_default=True,
    help="The port; 0 takes a free one.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open the page in the browser.")
@click.option("--labels", type=FILE, help="What the classes are called, a line each.")
@click.option("--scale", type=click.Choice(SCALES), help="What pixels become.  [default: 0..1]")
@click.option("--sample", "samples", type=FILE, multiple=True, help="A picture to offer.")
@click.option(
    "--tokenizer",
    type=click.Path(path_type=Path, exists=True),
    help="A Hugging Face tokenizer.json (or its folder), for models that take text.  "
    "[default: that of the package]",
)
@service_options
@everywhere
@click.pass_obj
def command(
    console: Console,
    /,
    packages: tuple[Path, ...],
    host: str,
    port: int,
    open_browser: bool,
    labels: Path | None,
    scale: str | None,
    samples: tuple[Path, ...],
    tokenizer: Path | None,
    **options: Any,
) -> dict[str, Any]:
    """Serve the demo page of a built package, with the headers that threads need; with --api also
    an inference service (Open Inference Protocol V2).

    \b
    wasm-torch-web serve pkg
    wasm-torch-web serve pkg --api --monitoring --workers 2
    wasm-torch-web serve pkg other --api --max-batch 16 --batch-delay 2
    """
    from wasm_torch_web.serving import Hints, serve

    hints = Hints(labels, scale, samples, tokenizer)
    if len(packages) > 1 and hints != Hints():
        raise click.UsageError("--labels, --scale, --sample and --tokenizer are of one package")

    def announce(url: str) -> None:
        console.print(f"[bold]{url}[/]  [dim]Ctrl-C stops[/]")

    serve(packages, host, port, open_browser, announce, hints, _service(packages, options))
    return {"package": str(packages[0]), "packages": list(map(str, packages))}


def _service(packages: tuple[Path, ...], options: dict[str, Any]) -> Service | None:
    """The service that --api asks for."""
    wanted, monitored = options.pop("api"), options.pop("monitoring")
    audit, otlp = options.pop("audit"), options.pop("otlp")
    if (audit or otlp) and not monitored:
        raise click.UsageError("--audit-log and --otlp need --monitoring")
    given = {name: value for name, value in options.items() if value not in (None, ())}
    if not wanted:
        if given or monitored:
            raise click.UsageError("the options of the service need --api")
        return None
    from wasm_torch_web.serving.api import Service, Settings
    from wasm_torch_web.serving.api.settings import Monitoring, default_workers

    if "batch_delay" in given:
        given["batch_delay"] /= 1000
    if "hosts" in given:
        given["hosts"] = frozenset(given["hosts"])
    settings = Settings(**{"workers": default_workers(), **given})
    return Service(packages, settings, Monitoring(audit, otlp) if monitored else None)
