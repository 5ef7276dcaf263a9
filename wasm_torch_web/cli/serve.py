"""`wasm-torch-web serve PKG`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wasm_torch_web.cli.options import everywhere
from wasm_torch_web.console import Console

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
SCALES = ("0..1", "-1..1", "imagenet")


@click.command("serve", short_help="Serve the demo page of a package.")
@click.argument("package", metavar="PKG", type=click.Path(path_type=Path))
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
@everywhere
@click.pass_obj
def command(
    console: Console,
    /,
    package: Path,
    host: str,
    port: int,
    open_browser: bool,
    labels: Path | None,
    scale: str | None,
    samples: tuple[Path, ...],
    tokenizer: Path | None,
) -> dict[str, Any]:
    """Serve the demo page of a built package, with the headers that threads need."""
    from wasm_torch_web.serving import Hints, serve

    def announce(url: str) -> None:
        console.print(f"[bold]{url}[/]  [dim]Ctrl-C stops[/]")

    hints = Hints(labels, scale, samples, tokenizer)
    serve(package, host, port, open_browser, announce, hints)
    return {"package": str(package)}
