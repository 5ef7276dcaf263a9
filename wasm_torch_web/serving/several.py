"""Several packages in, the demo page of each out, and a page that lists them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from wasm_torch_web.format import manifest as manifests

PAGE = """<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <meta name="viewport" content="width=device-width, initial-scale=1" />
  <title>wasm-torch-web</title>
  <h1>Models</h1>
  <ul>{items}</ul>
</html>
"""
ITEM = '<li><a href="{address}/">{name}</a> {version}</li>'


def routes(
    packages: Sequence[Path], demo_routes: Callable[[Path], list[BaseRoute]]
) -> list[BaseRoute]:
    """`/` and `/models/0/`, `/models/1/` and so on. Raises UserError for a damaged package."""
    text = listing([manifests.read(package) for package in packages])

    def answer(request: Request) -> Response:
        return HTMLResponse(text)

    return [
        Route("/", answer),
        *(
            Mount(f"/models/{number}", routes=demo_routes(package))
            for number, package in enumerate(packages)
        ),
    ]


def listing(found: Sequence[manifests.Manifest]) -> str:
    """The page that lists them."""
    items = [
        ITEM.format(
            address=f"models/{number}",
            name=escape(manifest["name"]),
            version=escape(manifest["version"]),
        )
        for number, manifest in enumerate(found)
    ]
    return PAGE.format(items="".join(items))
