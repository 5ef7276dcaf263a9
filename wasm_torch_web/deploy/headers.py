"""The headers that `serve` sends in, the same for other servers out, in the syntax of each."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from wasm_torch_web.serving import DEMO_CSP
from wasm_torch_web.serving.guard import ISOLATION

# Files keep their names from version to version: asked for again each time, answered with 304.
HEADERS = {
    "content-security-policy": DEMO_CSP,
    **ISOLATION,
    "cache-control": "no-cache",
}
# Where TLS is ours to end.
HSTS = {"strict-transport-security": "max-age=31536000"}


def titled(name: str) -> str:
    """`content-type` as `Content-Type`."""
    return "-".join(map(str.capitalize, name.split("-")))


def lines(pattern: str, given: dict[str, str] | None = None) -> str:
    """A line for each, with `{name}` and `{value}` filled in; no value has a double quote."""
    chosen = HEADERS if given is None else given
    return "\n".join(pattern.format(name=titled(k), value=v) for k, v in chosen.items())


def _netlify() -> str:
    """Netlify and Cloudflare Pages."""
    return f"/*\n{lines('  {name}: {value}')}\n"


def _vercel() -> str:
    told = [{"key": titled(name), "value": value} for name, value in HEADERS.items()]
    return json.dumps({"headers": [{"source": "/(.*)", "headers": told}]}, indent=2) + "\n"


def _apache() -> str:
    text = (Path(__file__).parent / "templates/apache.htaccess").read_text(encoding="utf-8")
    return text.replace("@headers@", lines('  Header always set {name} "{value}"'))


# What hosts read in the folder itself.
FILES: dict[str, Callable[[], str]] = {
    "_headers": _netlify,
    "vercel.json": _vercel,
    ".htaccess": _apache,
}


def write(folder: Path) -> None:
    """The files by which hosts are told."""
    for name, text in FILES.items():
        (folder / name).write_text(text(), encoding="utf-8")
